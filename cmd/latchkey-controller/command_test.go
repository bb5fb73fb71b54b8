package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestEachCommandOfTheTableHasItsLineAndItsHelp(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range groups() {
		for _, row := range g.commands {
			if row.name == "help" {
				continue // alone it is the usage
			}
			if seen[row.name] {
				t.Errorf("%s is in the table twice", row.name)
			}
			seen[row.name] = true
			if row.summary == "" || strings.HasSuffix(row.summary, ".") || !strings.Contains(usage(), "  "+row.form("")) {
				t.Errorf("%s: %q", row.name, row.summary)
			}
			for _, args := range [][]string{append(strings.Fields(row.name), "--help"), append([]string{"help"}, strings.Fields(row.name)...)} {
				var out bytes.Buffer
				err := execute(t.Context(), stdio{nil, io.Discard, &out}, args)
				if !errors.Is(err, flag.ErrHelp) || !strings.HasPrefix(out.String(), "usage: latchkey-controller "+row.name) {
					t.Errorf("%q: %v %s", args, err, out.String())
				}
				if strings.Contains(out.String(), "pIN") {
					t.Errorf("%q writes PIN as no word is written: %s", args, out.String())
				}
			}
		}
	}
}

func TestAFirstWordAloneIsHelpedWithItsSecondOnes(t *testing.T) {
	for _, args := range [][]string{{"user", "--help"}, {"help", "user"}} {
		var out bytes.Buffer
		err := execute(t.Context(), stdio{nil, io.Discard, &out}, args)
		if !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "user add") || strings.Contains(out.String(), "reader add") {
			t.Errorf("%q: %v %s", args, err, out.String())
		}
	}
}

// What works while the database does not: an order goes to the controller that runs.
func TestAnOrderNeedsNoDatabase(t *testing.T) {
	for _, args := range [][]string{{"unlock", "front-door"}, {"identify", "front-door"}, {"card", "return", "front-door"}} {
		err := execute(t.Context(), stdio{nil, io.Discard, io.Discard}, append(args, "--dir", t.TempDir()))
		if !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestServeThatIsStoppedWhileItBeginsEndsQuietly(t *testing.T) {
	for engine, more := range map[string][]string{"sqlite": nil, "postgres": {"--database", postgrestest.Database(t)}} {
		dir := filepath.Join(t.TempDir(), "site")
		silent := stdio{nil, io.Discard, io.Discard}
		if err := execute(t.Context(), silent, append([]string{"init", "--dir", dir, "--site", "home"}, more...)); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := execute(ctx, silent, []string{"serve", "--dir", dir, "--console", "off", "--adoption", "off"}); err != nil {
			t.Errorf("%s: %v", engine, err)
		}
		if err := execute(ctx, silent, []string{"user", "list", "--dir", dir}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a command that was interrupted says %v", engine, err)
		}
	}
}
