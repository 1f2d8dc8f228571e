"""The HTTP of identity: signing in, tokens, who am I."""
