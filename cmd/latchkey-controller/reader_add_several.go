package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// Of several boards, a request is in a file ID.request, and its bundle goes to ID.bundle.
const requestSuffix, bundleSuffix = ".request", ".bundle"

// doorColumns are the columns of a file of doors.
var doorColumns = []string{"reader", "door", "place", "time-zone", "fingerprint"}

// mostDoors is how many bytes a file of doors may have.
const mostDoors = 16 << 20

func readerAddSeveral(c *invocation) action {
	c.details = fmt.Sprintf(`Each request is a file ID.request in the directory of requests, and ID becomes the reader's id. Its bundle
is written to ID.bundle; a reader whose bundle is there already is left out, so the same command goes on
where it ended. First all are looked at, and if any is wrong nothing is done. Then %d at a time are
adopted, all of them or none.

A file of doors is CSV with a header; its columns are reader, door, place, time-zone and fingerprint, of
which only reader has to be there. An empty cell is as if the column were missing. With it only those
readers are adopted that it names. A fingerprint is the one on that reader's screen, and must be the
request's; without, compare those that this command prints.`, desk.MaxAdopted)
	requests := c.String("requests", "", "the `directory` of requests")
	out := c.String("out", "", "the `directory` for bundles")
	doors := c.String("doors", "", "a CSV `file` with the readers' doors, places, time zones and fingerprints")
	var brokers string
	brokersFlag(c, &brokers)
	var cell string
	cellFlag(c, &cell)
	access, hours := accessFlag(c, "a `group` that may open the doors, always, or with group=NAME as the schedule of that name says; may be repeated; everyone: all users; none: nobody yet; new readers need it")
	return func(ctx context.Context, _ []string) error {
		forms, there, err := readAdoptions(*requests, *out, *doors)
		if err != nil {
			return err
		}
		for i := range forms {
			forms[i].Broker, forms[i].Cell, forms[i].Access, forms[i].Uses = brokers, cell, *access, *hours
		}
		wrongs, err := c.desk.CheckAdoptions(ctx, c.actor, forms)
		if err != nil {
			return err
		}
		if len(wrongs) > 0 {
			for _, wrong := range wrongs {
				fmt.Fprintln(c.err, wrong)
			}
			return fmt.Errorf("%s cannot be used, and nobody was adopted", counted(len(wrongs), "request"))
		}
		if err := os.MkdirAll(*out, 0o700); err != nil {
			return err
		}
		for batch := range slices.Chunk(forms, desk.MaxAdopted) {
			if err := adoptBatch(ctx, c, batch, *out); err != nil {
				return usedScheduleError(err)
			}
		}
		return c.report(map[string]int{"adopted": len(forms), "there": there}, `%s adopted; %d had their bundles already
If the site's broker is a Mosquitto, have it reload: latchkey-controller broker-config --dir %s --out DIR
`, counted(len(forms), "reader"), there, c.dir)
	}
}

// adoptBatch adopts a batch, and prints a line of each.
func adoptBatch(ctx context.Context, c *invocation, batch []desk.AdoptForm, out string) error {
	unfinished, err := os.MkdirTemp(out, ".unfinished-*")
	if err != nil {
		return fmt.Errorf("write the bundles: %w", err)
	}
	defer os.RemoveAll(unfinished)
	name := func(i int) string { return batch[i].Reader + bundleSuffix }
	adoptions, err := c.desk.AdoptSeveral(ctx, c.actor, batch, func(i int, bundle []byte) error {
		return os.WriteFile(filepath.Join(unfinished, name(i)), bundle, 0o600)
	})
	if err != nil {
		return err
	}
	for i, a := range adoptions {
		if err := os.Rename(filepath.Join(unfinished, name(i)), filepath.Join(out, name(i))); err != nil {
			return fmt.Errorf("write the bundles: %w", err)
		}
		if !c.json {
			if _, err := fmt.Fprintf(c.out, "%s\t%s\n", a.Reader, a.Board); err != nil {
				return err
			}
		}
	}
	return durable.SyncDir(out)
}

// readAdoptions reads requests, without those whose bundle is there, which it counts, and
// says in forms what the file of doors does; doors is "" if there is none.
func readAdoptions(requests, out, doors string) (forms []desk.AdoptForm, there int, err error) {
	if doors != "" {
		if forms, err = readDoors(doors); err != nil {
			return nil, 0, err
		}
	} else {
		entries, err := os.ReadDir(requests)
		if err != nil {
			return nil, 0, fmt.Errorf("read the requests: %w", err)
		}
		for _, entry := range entries {
			if id, ok := strings.CutSuffix(entry.Name(), requestSuffix); ok {
				forms = append(forms, desk.AdoptForm{Reader: id})
			}
		}
	}
	if len(forms) == 0 {
		return nil, 0, fmt.Errorf("there is no request in %s: each is a file READER%s", requests, requestSuffix)
	}
	missing := forms[:0]
	for _, form := range forms {
		if err := wire.CheckName(form.Reader); err != nil { // before it is a part of a path
			return nil, 0, fmt.Errorf("%.80q: %w", form.Reader, err)
		}
		if _, err := os.Stat(filepath.Join(out, form.Reader+bundleSuffix)); err == nil {
			there++
			continue
		}
		if form.Request, err = readFile(filepath.Join(requests, form.Reader+requestSuffix), wire.MaxMessage); err != nil {
			return nil, 0, fmt.Errorf("read the request of %s: %w", form.Reader, err)
		}
		if form.Fingerprint == "" {
			_, form.Fingerprint, _ = wire.ParseRequest(form.Request) // if that fails, the check of the form says so
		}
		missing = append(missing, form)
	}
	return missing, there, nil
}

// readDoors reads a file of doors.
func readDoors(file string) (forms []desk.AdoptForm, err error) {
	b, err := readFile(file, mostDoors)
	if err != nil {
		return nil, fmt.Errorf("read the doors: %w", err)
	}
	in := csv.NewReader(bytes.NewReader(b))
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: the first line names the columns: %w", file, err)
	}
	for _, name := range header {
		if !slices.Contains(doorColumns, name) {
			return nil, fmt.Errorf("%s: there is no column %.40q; the columns are %s", file, name, strings.Join(doorColumns, ", "))
		}
	}
	if !slices.Contains(header, "reader") {
		return nil, fmt.Errorf("%s: the column reader is missing", file)
	}
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return forms, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		var f desk.AdoptForm
		for i, name := range header {
			*map[string]*string{"reader": &f.Reader, "door": &f.Door, "place": &f.Place, "time-zone": &f.TimeZone, "fingerprint": &f.Fingerprint}[name] = cells[i]
		}
		forms = append(forms, f)
	}
}
