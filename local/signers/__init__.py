"""What providers would send, signed as they sign: for the demo and the tests. One file a provider."""
