package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestACalibrationTakesItsPlaceInAConfig(t *testing.T) {
	const line = "calibration = [1.000000, 0.000000, 2.000000, 0.000000, 1.000000, 3.000000]"
	for name, c := range map[string]struct{ before, after string }{
		"none":                 {"[reader]\nid = 'a' # b\n", "[reader]\nid = 'a' # b\n\n[touch]\n" + line + "\n"},
		"a table without":      {"[touch]\ndevice = 'x'\n[reader]", "[touch]\n" + line + "\ndevice = 'x'\n[reader]\n"},
		"another one":          {"[touch]\ndevice = 'x'\ncalibration = [0,0,0,0,0,0] # old\n", "[touch]\ndevice = 'x'\n" + line + "\n"},
		"in several lines":     {"[touch]\ncalibration = [0,0,0,\n0,0,0]\n", ""},
		"in a table in a line": {"touch = {calibration = [0,0,0,0,0,0]}\n", ""},
	} {
		path := filepath.Join(t.TempDir(), "latchkeyd.toml")
		if err := os.WriteFile(path, []byte(c.before), 0o640); err != nil {
			t.Fatal(err)
		}
		err := writeCalibration(path, line)
		if (err != nil) != (c.after == "") {
			t.Errorf("%s: %v", name, err)
		}
		b, readErr := os.ReadFile(path)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if after := c.after; string(b) != after && (after != "" || string(b) != c.before) {
			t.Errorf("%s: %q", name, b)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}
