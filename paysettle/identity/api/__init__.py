"""The HTTP of identity: signing in, tokens, who am I, organisations and their members."""
