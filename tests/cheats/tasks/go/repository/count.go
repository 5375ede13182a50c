package shop

// Count returns how many things are in it.
func (c *Cart) Count() int {
	return len(c.Items)
}
