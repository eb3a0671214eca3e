"""Reference miner, fakes and simulators, for our tests, the demo and plug-in authors."""
