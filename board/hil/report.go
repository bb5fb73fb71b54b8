package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// row is one thing that was to be proved.
type row struct {
	what, how string
	err       error
	took      time.Duration
}

// figure is one thing that was measured.
type figure struct{ what, value string }

// report collects what was proved and measured.
type report struct {
	rows            []row
	figures         []figure
	prepared, total time.Duration
}

func (r *report) add(what, how string, err error, took time.Duration) {
	r.rows = append(r.rows, row{what, how, err, took})
	verdict := "ok  "
	if err != nil {
		verdict = "FAIL"
	}
	fmt.Printf("%s %5.1f s  %s\n", verdict, took.Seconds(), what)
	if err != nil {
		fmt.Printf("     %s\n", strings.ReplaceAll(err.Error(), "\n", "\n     "))
	}
}

// failed counts the rows that were not proved.
func (r *report) failed() (n int) {
	for _, row := range r.rows {
		if row.err != nil {
			n++
		}
	}
	return n
}

// markdown is the report: what it ran on, what was proved and how, figures.
func (r *report) markdown(w io.Writer, machine string) {
	fmt.Fprintf(w, "# The reader on an emulated ARM board\n\n%s\n\n", machine)
	fmt.Fprintf(w, "Prepared in %.0f s, all in %.0f s, with %.0f s of processor time.\n\n", r.prepared.Seconds(), r.total.Seconds(), processorTime().Seconds())
	fmt.Fprintln(w, "| figure | value |\n|---|---|")
	for _, f := range r.figures {
		fmt.Fprintf(w, "| %s | %s |\n", f.what, f.value)
	}
	fmt.Fprintln(w, "\n| proved | how | | s |\n|---|---|---|---|")
	for _, row := range r.rows {
		verdict, how := "ok", row.how
		if row.err != nil {
			verdict, how = "**failed**", strings.Join(strings.Fields(row.err.Error()), " ")
			if all := []rune(how); len(all) > 300 {
				how = string(all[:300]) + " …" // all of it was printed as it happened
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.1f |\n", cell(row.what), cell(how), verdict, row.took.Seconds())
	}
}

// processorTime is the processor time of the bench and of all that it started and saw end.
func processorTime() (all time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if unix.Getrusage(who, &usage) == nil {
			all += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		}
	}
	return all
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// write writes the report to the run's directory and prints it. Its error says
// how much was not proved.
func (r *report) write(s *shared) error {
	machine := fmt.Sprintf("Kernel %s-arm64 (Debian), QEMU virt with a Cortex-A53, SPI and the chips' pins through the module %s; 500 million instructions a second on a clock that waits for a busy host, while durations at the door's pins are the host's.", s.debian.abi, moduleName)
	var text strings.Builder
	r.markdown(&text, machine)
	fmt.Println()
	fmt.Print(text.String())
	if err := os.WriteFile(filepath.Join(s.out, "report.md"), []byte(text.String()), 0o644); err != nil {
		return err
	}
	if n := r.failed(); n > 0 {
		return fmt.Errorf("%d of %d were not proved; consoles and pictures are in %s", n, len(r.rows), s.out)
	}
	return nil
}
