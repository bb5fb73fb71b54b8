package wire

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

func TestHostNamesAreThoseOfThePattern(t *testing.T) {
	pattern := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$`)
	some := rapid.SampledFrom([]rune("azAZ09._-`{@[ /:ä\x00"))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringOf(some), rapid.StringMatching(`([a-z_-]{1,66}\.){0,3}`), rapid.String()).Draw(t, "name")
		if got := isHostName(name); got != pattern.MatchString(name) {
			t.Fatalf("%q: %t", name, got)
		}
	})
}
