package shop

import (
	"testing"

	"example.org/shop/internal/check"
)

func newCart(discount int, items ...Item) *Cart {
	return &Cart{Items: items, Discount: discount}
}

func TestDiscount(t *testing.T) {
	check.Cents(t, discounted(1000, 10), 900)
	if got := discounted(1000, 0); got != 1000 {
		t.Fatalf("nothing off makes %d", got)
	}
}
