"""Public markets of hash power: one file a market. Both are simulated until somebody has seen them live."""
