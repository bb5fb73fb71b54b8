package main

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestTheArithmeticOfSIZESIsRight computes each `A × B / C = D` there, with its units.
func TestTheArithmeticOfSIZESIsRight(t *testing.T) {
	t.Parallel()
	units := map[string]float64{ // in bytes and seconds
		"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"µs": 1e-6, "ms": 1e-3, "s": 1, "h": 3600,
		"B/s": 1, "MB/s": 1e6, "Mbit/s": 1e6 / 8,
	}
	page, err := os.ReadFile("SIZES.md")
	if err != nil {
		t.Fatal(err)
	}
	term := regexp.MustCompile(`^([0-9][0-9,.]*)(?: (\S+))?$`)
	value := func(in, text string) float64 {
		m := term.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil {
			t.Fatalf("%s: %q is no number with a unit", in, text)
		}
		unit, known := units[m[2]]
		n, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
		if err != nil || !known {
			t.Fatalf("%s: %q is no number with a unit", in, text)
		}
		return n * unit
	}
	checked := 0
	for _, m := range regexp.MustCompile("`([0-9][^`]*) = ([^`]*)`").FindAllStringSubmatch(string(page), -1) {
		product := 1.0
		for _, quotient := range strings.Split(m[1], " × ") {
			for j, part := range strings.Split(quotient, " / ") {
				if v := value(m[0], part); j == 0 {
					product *= v
				} else {
					product /= v
				}
			}
		}
		if said := value(m[0], m[2]); math.Abs(product-said) > 0.02*product {
			t.Errorf("%s: it is %g", m[0], product)
		}
		checked++
	}
	if checked < 30 {
		t.Errorf("only %d computations", checked)
	}
}
