"""The limits: programs in plain SQL that write exactly the product's rows, with no web server and no checks.

They know the ids of all accounts, trust every payer, verify no token, read no session, and write texts that they were
given; one set-based program looks its keys up, as any must that is to survive a repetition. So they do less than the
product, on purpose.
"""
