"""How long it takes to prove whom a Monero payment pays, and to check a template: both stand before money moves.

PYTHONPATH=src python bench/monero_payments.py
"""

import json
import time
from pathlib import Path

from hashwright.chain.cryptonote.address import read_address
from hashwright.chain.cryptonote.payee import payee_of_address
from hashwright.chain.cryptonote.payments import payments_of
from hashwright.chain.cryptonote.transaction import read_transaction

ROUNDS = 5
FILE = Path(__file__).parents[1] / "tests" / "vectors" / "monero_payment.json"


def cpu_ms(story, rounds):
    best = None
    for _ in range(rounds):
        began = time.process_time()
        story()
        took = time.process_time() - began
        best = took if best is None else min(best, took)
    return best * 1000


def main():
    signed = json.loads(FILE.read_text())
    blob, keys = (bytes.fromhex(signed["answer"][key]) for key in ("tx_blob", "tx_key"))
    addresses = [it["address"] for it in signed["destinations"]]
    payees = [payee_of_address(address)[0] for address in (*addresses, signed["own_address"])]
    transaction = read_transaction(blob)
    print(f"outputs {len(transaction.outputs)}, payees {len(payees)} with the wallet itself")
    print(f"read a transaction    {cpu_ms(lambda: read_transaction(blob), ROUNDS):8.2f} ms of CPU")
    print(f"prove whom it pays    {cpu_ms(lambda: payments_of(transaction, keys, payees), ROUNDS):8.2f} ms of CPU")
    print(f"read an address       {cpu_ms(lambda: read_address(addresses[0]), ROUNDS):8.2f} ms of CPU")


if __name__ == "__main__":
    main()
