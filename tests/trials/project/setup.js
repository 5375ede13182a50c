// What mocha's configuration names, to be there before all tests.
"use strict";

if (typeof before === "function") before(() => { global.isSetUp = true; });
