-- This number is not used.
DO 0;
