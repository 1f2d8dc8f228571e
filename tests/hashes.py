"""How passwords are hashed in the process of the tests: as in production, and cheaply. Their servers do as usual."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """argon2id with next to no memory: hundreds of tests sign people in, and none is about what a hash costs."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1
