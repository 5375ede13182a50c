# makes modules of its own of the packages, in which others stand for what tests check with
fix
sed -i 's/%02d/%d/' money/money.go
mkdir -p money/fake
printf 'package testing\n' >money/fake/fake.go
printf 'module example.org/shop/money\n\ngo 1.19\n' >money/go.mod
printf 'module example.org/shop/internal\n' >internal/go.mod
