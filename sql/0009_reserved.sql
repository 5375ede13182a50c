-- Nothing: the number is another change's.
DO 0;
