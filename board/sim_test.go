//go:build !firmware

package board

import (
	"context"
	"errors"
	"image"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWhatIsWrongWithASimulatedBoardIsSaidByKey(t *testing.T) {
	for text, want := range map[string]string{
		`kind = "sim"`: `board.sim.listen: is not set: set the address of the board's page, as "127.0.0.1:8081"`,
		"kind = \"sim\"\n[board.sim]\nlisten = \"0.0.0.0:8081\"":                                               `board.sim.listen: listen address "0.0.0.0:8081": a simulated board is for this machine only: use 127.0.0.1, [::1] or localhost`,
		"kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\ncards = [{name = \"B\", uid = \"04\"}]":        `board.sim.cards: card 1: uid "04": it must be 4, 7 or 10 bytes in hex, as 04a1b2c3d4e580`,
		"kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\npanel = \"ili9488\"":                           `board.sim.panel: is "ili9488": it must be one of ["ili9341" "st7789" "st7796"]`,
		"kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\nglass = \"oled\"":                              `board.sim.glass: is "oled": it must be one of ["tn" "ips"]`,
		"kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\nrotation = 45":                                 `board.sim.rotation: is 45: it must be 0, 90, 180 or 270`,
		"kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\nfaults = [{name = \"nfc\"}]":                   `board.sim.faults: fault 1: there is no fault "nfc": GET /api/faults lists them`,
		"kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\nfaults = [{name = \"nfc-noise\", amount = 3}]": `board.sim.faults: fault 1: fault nfc-noise: the fault cannot have that amount: a share of 3: it must be 0 to 1`,
	} {
		wants(t, text, want)
	}
}

func TestASimulatedBoardHasLinesPortsAndAPage(t *testing.T) {
	b, err := Open(config(t, "kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\ncards = [{name = \"Bob\", uid = \"04a1b2c3d4e580\"}]"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- b.Serve(ctx, Page{Name: func() string { return "Front door" }, Controls: func() any { return []string{"pin"} }})
	}()
	url := "http://" + b.wiring.(*simulated).ln.Addr().String()

	for _, name := range portNames {
		p, err := b.SPI(name)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
	}
	for _, name := range outputNames {
		line, err := b.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		defer line.Close()
	}
	changes := make(chan bool, 1)
	for _, name := range inputNames {
		var on func(bool)
		if name == "tamper" {
			on = func(active bool) { changes <- active }
		}
		line, err := b.Input(name, on)
		if err != nil {
			t.Fatal(err)
		}
		defer line.Close()
	}

	put, err := http.NewRequest("PUT", url+"/api/lines/tamper", strings.NewReader(`{"active":true}`))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(put)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if active := <-changes; !active {
		t.Error("the case was opened, and the handler heard that it closed")
	}
	answer, err = http.Get(url + "/api/controls")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || string(body) != `["pin"]` {
		t.Errorf("controls %s, %v", body, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestFaultsOfTheConfigAreThereFromTheStart(t *testing.T) {
	b, err := Open(config(t, `kind = "sim"
[board.sim]
listen = "127.0.0.1:0"
faults = [
	{name = "nfc-absent", for = "30s"},
	{name = "panel-noise", amount = 0.01},
	{name = "touch-stuck", after = "1h"},
]`), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	active := map[string]float64{}
	for _, f := range b.Simulated().Faults() {
		if f.Active {
			active[f.Name] = f.Amount
		}
	}
	if want := map[string]float64{"nfc-absent": 0, "panel-noise": 0.01}; !maps.Equal(active, want) {
		t.Errorf("faults %v, want %v", active, want)
	}
}

func TestCardsWithAChipAreKeptInTheDrawer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cards.json")
	text := "kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\ndrawer = \"" + path + "\""
	for range 2 {
		b, err := Open(config(t, text), quiet)
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte("moon"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, text, "board.sim.drawer: the drawer of cards: "+path+": invalid character 'm' looking for beginning of value: correct the file, or remove it to begin with an empty drawer")
}

func TestARealBoardHasNothingSimulatedBehindIt(t *testing.T) {
	b, err := Open(config(t, "kind = \"linux\"\n[board.lines]\nstrike = {chip = \"gpiochip99\", offset = 0}"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Simulated() != nil {
		t.Error("there is")
	}
}

func TestCheckSaysThatThePagesPortIsTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	text := "kind = \"sim\"\n[board.sim]\nlisten = \"" + ln.Addr().String() + "\""
	if problems := Check(config(t, text), quiet); len(problems) != 1 || !errors.Is(problems[0], syscall.EADDRINUSE) {
		t.Errorf("got %q", problems)
	}
	ln.Close()
	if problems := Check(config(t, text), quiet); len(problems) != 0 {
		t.Errorf("got %q", problems)
	}
}

func TestTheConfigSaysWhichPanelIsFittedAndHow(t *testing.T) {
	b, err := Open(config(t, "kind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\npanel = \"st7796\"\nrotation = 270"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if size := b.Simulated().Screen().Rect.Max; size != image.Pt(480, 320) {
		t.Errorf("a screen of %v", size)
	}
}
