// Command latchkey-bench runs the project's benchmarks and compares each figure
// with its target; if one misses it, the exit code is 1. Times depend on the
// machine, so figures are ratios and counts where they can be.
//
// latchkey-bench fleet runs readers by the thousand instead: see FLEET.md.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
)

// run is one call of go test -bench.
type run struct{ pkg, bench, time string }

// figure is a benchmark's metric, or the ratio of two.
type figure struct {
	what   string
	metric string // "Benchmark unit"
	over   string // "" or the metric to divide by
	unit   string
	most   float64 // the target: at most this; 0 for none
}

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == "fleet" {
		err = runFleet(os.Args[2:])
	} else {
		err = bench(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "latchkey-bench:", err)
		os.Exit(1)
	}
}

func bench(out io.Writer) error {
	measured := map[string]float64{}
	for _, r := range runs {
		fmt.Fprintf(os.Stderr, "measuring %s %s\n", r.pkg, r.bench)
		if err := r.measure(measured); err != nil {
			return err
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tmeasured\tat most\t")
	missed := 0
	for _, f := range figures {
		value, found := measured[f.metric]
		if f.over != "" {
			below, foundToo := measured[f.over]
			value, found = value/below, found && foundToo && below != 0
		}
		text, target, verdict := number(value)+" "+f.unit, "", ""
		if f.most > 0 {
			target, verdict = number(f.most), "ok"
		}
		if !found {
			text = "not measured"
		}
		if !found || f.most > 0 && value > f.most {
			verdict = "MISSED"
			missed++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.what, text, target, verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d figures missed their target", missed, len(figures))
	}
	return nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// measure runs benchmarks and adds their metrics.
func (r run) measure(into map[string]float64) error {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^Benchmark("+r.bench+")$", "-benchtime", r.time, "-benchmem", "-timeout", "20m", r.pkg)
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", r.pkg, err, printed)
	}
	for lines := bufio.NewScanner(bytes.NewReader(printed)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("%s: %q: %w", r.pkg, lines.Text(), err)
			}
			into[name+" "+fields[i+1]] = value
		}
	}
	return nil
}
