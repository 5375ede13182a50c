# stripe: what is asked of Stripe, and what it tells: signatures, facts, and what they mean for the ledger.
# Knows outbound.
noinst_LIBRARIES += libstripe.a
libstripe_a_SOURCES = \
	fcgi/stripe/apply.c fcgi/stripe/apply.h \
	fcgi/stripe/event.c fcgi/stripe/event.h \
	fcgi/stripe/judge.c fcgi/stripe/judge.h \
	fcgi/stripe/signature.c fcgi/stripe/signature.h \
	fcgi/stripe/stripe.c fcgi/stripe/stripe.h
STRIPE_LIBS = libstripe.a $(OUTBOUND_LIBS)
