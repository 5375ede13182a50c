# Accounts against GitHub's stand-in: tests/accounts/run.
EXTRA_DIST += tests/accounts/run tests/accounts/accounts.test.mjs
