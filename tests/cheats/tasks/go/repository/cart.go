// Package shop has a cart of things to buy.
package shop

// Item is some of one thing. Price is in cents.
type Item struct {
	Name     string
	Price    int
	Quantity int
}

// Cart has items, and a discount in percent.
type Cart struct {
	Items    []Item
	Discount int
}

// Total returns what all of it costs.
func (c *Cart) Total() int {
	sum := 0
	for _, item := range c.Items {
		sum += item.Price
	}
	return discounted(sum, c.Discount)
}

func discounted(cents, percent int) int {
	return cents - cents*percent/100
}
