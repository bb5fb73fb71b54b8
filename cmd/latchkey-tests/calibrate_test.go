package tests

import (
	"os"
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
