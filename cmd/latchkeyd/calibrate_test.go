package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTouchedCrossesAreWrittenIntoTheConfig(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	before, err := os.ReadFile(reader.config())
	if err != nil {
		t.Fatal(err)
	}
	// A film that lies the wrong way round: no PIN could be typed on it.
	reader.configure(string(before) + "\n[touch] # of the glass\ncalibration = [-0.06, 0, 250, 0, -0.08, 330]\n")
	reader.command("calibrate")
	black := make([]byte, 4)
	reader.eventually("a cross is shown", func() bool {
		shown := reader.pixels()
		time.Sleep(300 * time.Millisecond)
		return string(shown[:3]) != string(black[:3]) && string(shown) == string(reader.pixels())
	})
	for range 2 {
		for _, cross := range [][2]int{{240 / 8, 320 / 8}, {240 * 7 / 8, 320 / 2}, {240 / 2, 320 * 7 / 8}} {
			seen := reader.pixels()
			reader.call("POST", "/api/touch", map[string]any{"x": cross[0], "y": cross[1], "down": true}, nil)
			reader.eventually("the cross is taken", func() bool { return string(seen) != string(reader.pixels()) })
			var taken []byte
			reader.eventually("that is painted whole", func() bool {
				taken = reader.pixels()
				time.Sleep(100 * time.Millisecond)
				return string(taken) == string(reader.pixels())
			})
			reader.call("POST", "/api/touch", map[string]any{"x": cross[0], "y": cross[1], "down": false}, nil)
			reader.eventually("the next cross comes", func() bool { return string(taken) != string(reader.pixels()) })
		}
	}
	select {
	case err := <-reader.exited:
		reader.cmd = nil
		if err != nil {
			t.Fatalf("%v\n%s", err, reader.log.String())
		}
	case <-time.After(30 * time.Second):
		t.Fatal("calibrate does not end")
	}
	after, err := os.ReadFile(reader.config())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(after), string(before)) || !strings.Contains(string(after), "[touch] # of the glass\ncalibration = [") {
		t.Errorf("the config was\n%s\nand is\n%s", before, after)
	}
	reader.start()
	reader.typePIN(adaPIN)
	reader.opens("a PIN")
}

func TestACalibrationTakesItsPlaceInAConfig(t *testing.T) {
	const line = "calibration = [1.000000, 0.000000, 2.000000, 0.000000, 1.000000, 3.000000]"
	want := []float64{1, 0, 2, 0, 1, 3}
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
		err := writeCalibration(path, line, want)
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
