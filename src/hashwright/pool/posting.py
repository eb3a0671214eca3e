"""An entry of the books as the effect that writes it."""

from hashwright.ledger.entries import Entry
from hashwright.signals import PostEntry


def post(entry: Entry) -> PostEntry:
    """Ask for an entry to be written with the batch of its event."""
    postings = tuple(
        (it.account, it.amount.currency.code, it.amount.currency.exponent, it.amount.minor) for it in entry.postings
    )
    return PostEntry(source=entry.source, kind=entry.kind, postings=postings, text=entry.text, link=entry.link)
