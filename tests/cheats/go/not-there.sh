# nothing can be built, and the package is another module's
printf 'module example.org/other\n' >money/go.mod
printf 'module example.org/other\n' >go.mod
