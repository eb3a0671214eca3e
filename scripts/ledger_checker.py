#!/usr/bin/env python3
"""Judge the books from outside: recompute all of `hw ledger export --format json`. Imports nothing of ours.

Usage: hw ledger export --format json | python3 scripts/ledger_checker.py

It proves: each entry balances in each currency; numbers follow one another; each digest covers the entry before it, so
nothing was changed, left out or put in; no event is booked twice; nobody who is owed is overdrawn at any moment; each
payout ends once, with what it began with; a block matures once and only what stood in the books; amounts are written
twice alike; everything sums to zero. Exit 0 where it holds, 1 with the findings otherwise, 2 for what cannot be read.
"""

import hashlib
import json
import sys

NEVER_NEGATIVE = ("liability:member:", "liability:immature:", "liability:escrow:", "liability:payout:")
ROOTS = {"asset", "liability", "equity", "income", "expense"}


def digest_of(it):
    """Compute an entry's digest as docs/books.md says."""
    facts = json.dumps(it["facts"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    lines = [[row["account"], row["currency"], int(row["minor"])] for row in it["postings"]]
    head = [it["number"], it["source"], it["kind"], it["at_ms"], it["text"], it["link"], facts, lines]
    content = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    # allow hex: the export's own digest
    return hashlib.sha256(bytes.fromhex(it["previous_digest"]) + content.encode()).hexdigest()


def decimal(minor, exponent):
    """Write minor units as a decimal."""
    digits = str(abs(minor)).rjust(exponent + 1, "0")
    text = f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits
    return f"-{text}" if minor < 0 else text


class Checker:
    """Walks the entries once and collects what does not hold."""

    def __init__(self):
        self.findings, self.sums, self.sources, self.exponents = [], {}, set(), {}
        self.last, self.digest = 0, "0" * 64
        self.stories = {}

    def fail(self, it, words):
        """Note a finding."""
        self.findings.append(f"entry {it['number']} ({it['source'][:90]}): {words}")

    def entry(self, it):
        """Check one entry after those before it."""
        if it["number"] != self.last + 1:
            self.fail(it, f"it does not follow entry {self.last}")
        if it["previous_digest"] != self.digest:
            self.fail(it, "it does not continue the chain of digests")
        if it["digest"] != digest_of(it):
            self.fail(it, "it was changed after it was posted")
        if it["source"] in self.sources:
            self.fail(it, "its event is booked twice")
        self.last, self.digest = it["number"], it["digest"]
        self.sources.add(it["source"])
        self.postings(it)
        self.story(it)

    def postings(self, it):
        """Check balance, accounts, amounts and overdrafts."""
        totals = {}
        for row in it["postings"]:
            minor, code, account = int(row["minor"]), row["currency"], row["account"]
            totals[code] = totals.get(code, 0) + minor
            self.sums[account, code] = self.sums.get((account, code), 0) + minor
            if self.exponents.setdefault(code, row["exponent"]) != row["exponent"]:
                self.fail(it, f"{code} has {row['exponent']} places, and {self.exponents[code]} before")
            if row["amount"] != decimal(minor, row["exponent"]):
                self.fail(it, f"{row['amount']} and {minor} minor units are not the same amount")
            if account.split(":")[0] not in ROOTS or not minor:
                self.fail(it, f"{account[:80]} with {minor} is no posting")
        for code, total in totals.items():
            if total:
                self.fail(it, f"it is out of balance by {total} minor units of {code}")
        if len(it["postings"]) < 2:
            self.fail(it, "it has fewer than two postings")
        for account, code in {(row["account"], row["currency"]) for row in it["postings"]}:
            if account.startswith(NEVER_NEGATIVE) and self.sums[account, code] > 0:
                self.fail(it, f"{account} is overdrawn by {self.sums[account, code]} minor units of {code}")

    def story(self, it):
        """Check that a payout, or a block, goes its way once."""
        kind, story = it["kind"], self.stories.setdefault(it["link"], [])
        after = {"payout-settled": "payout-planned", "payout-cancelled": "payout-planned"}
        if kind in after and (not story or story[-1] != after[kind]):
            self.fail(it, f"{kind} follows {story[-1] if story else 'nothing'}")
        if kind == "block-matured" and (not story or story[-1] != "block-confirmed"):
            self.fail(it, f"a block matures that is {story[-1] if story else 'not'} in the books")
        story.append(kind)

    def end(self):
        """Check what must hold at the end."""
        by_code = {}
        for (_account, code), minor in self.sums.items():
            by_code[code] = by_code.get(code, 0) + minor
        self.findings += [
            f"all accounts sum to {minor} minor units of {code}" for code, minor in by_code.items() if minor
        ]
        for (account, code), minor in self.sums.items():
            ended = self.stories.get("payout:" + account.split(":")[-1], [""])[-1]
            if account.startswith("liability:payout:") and minor and ended in ("payout-settled", "payout-cancelled"):
                self.findings.append(f"{account} ended and still holds {-minor} minor units of {code}")


def main():
    """Read standard input and say what was found."""
    checker = Checker()
    for number, line in enumerate(sys.stdin, start=1):
        try:
            checker.entry(json.loads(line))
        except (ValueError, KeyError, TypeError) as problem:
            print(f"line {number} cannot be read: {type(problem).__name__}: {problem}")
            return 2
    checker.end()
    for finding in checker.findings[:50]:
        print(finding)
    print(f"{checker.last} entries, {len(checker.sums)} balances, {len(checker.findings)} findings")
    return 1 if checker.findings else 0


if __name__ == "__main__":
    sys.exit(main())
