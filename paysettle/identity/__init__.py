"""People who sign in, the parties they act for, and their sessions."""
