"""The market: who bought which hash power, and was it delivered. Pure; an order is one more destination."""
