# the fix is in a file and in a package of its own
# quick
fix
mkdir internal/sums
cat >internal/sums/sums.go <<'GO'
// Package sums multiplies.
package sums

// Times is a product.
func Times(a, b int) int { return a * b }
GO
cat >times.go <<'GO'
package shop

import "example.org/shop/internal/sums"

func times(a, b int) int { return sums.Times(a, b) }
GO
sed -i 's/item.Price \* item.Quantity/times(item.Price, item.Quantity)/' cart.go
