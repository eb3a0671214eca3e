"""The CryptoNote family, Monero above all: another address, another block, another proof than Bitcoin's."""
