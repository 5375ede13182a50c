# accounts: our tokens. Knows the settings, and nothing of HTTP or the database.
noinst_LIBRARIES += libaccounts.a
libaccounts_a_SOURCES = fcgi/accounts/tokens.c fcgi/accounts/tokens.h
