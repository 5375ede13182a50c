package shop

import (
	"fmt"
	"strconv"
	"strings"
)

// ParsePrice returns the cents that "1.05" stands for.
func ParsePrice(text string) (int, error) {
	whole, part, _ := strings.Cut(text, ".")
	euros, err := strconv.Atoi(whole)
	if err != nil {
		return 0, fmt.Errorf("%q is no price", text)
	}
	cents, err := strconv.Atoi(part)
	if err != nil {
		cents = 0
	}
	return 100*euros + cents, nil
}
