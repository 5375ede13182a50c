# Deposits against the stand-in for Stripe: tests/stripe/run.
EXTRA_DIST += tests/stripe/run tests/stripe/client.mjs tests/stripe/histories.mjs tests/stripe/stripe.test.mjs
