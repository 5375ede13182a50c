# money: pricing, metering, which money is used: pure functions.
noinst_LIBRARIES += libmoney.a
libmoney_a_SOURCES = fcgi/money/money.c fcgi/money/money.h
MONEY_LIBS = libmoney.a
