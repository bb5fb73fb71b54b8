package wire

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// packZones makes zones.gz of the database that comes with Go.
func packZones(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib/time/zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	slices.SortFunc(archive.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	var all zones
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(all.Files, func(b []byte) bool { return bytes.Equal(b, data) })
		if at < 0 {
			at = len(all.Files)
			all.Files = append(all.Files, data)
		}
		all.Names, all.Data = append(all.Names, f.Name), append(all.Data, uint16(at))
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	w.Write(Marshal(&all))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("zones.gz", packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestZonesAreKnownWhereTheSystemHasNone(t *testing.T) {
	if *update {
		packZones(t)
	}
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{
		"Europe/Berlin": "14:00 CEST", "America/New_York": "08:00 EDT", "Asia/Kathmandu": "17:45 +0545", "Australia/Lord_Howe": "22:30 +1030",
		"Pacific/Kiritimati": "02:00 +14", "UTC": "12:00 UTC", "Etc/GMT+12": "00:00 -12", "Zulu": "12:00 UTC",
	} {
		zone, err := builtInZone(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := at.In(zone).Format("15:04 MST"); got != want || zone.String() != name {
			t.Errorf("%s: %s in %s, want %s", name, got, zone, want)
		}
	}
	for _, name := range []string{"", "Local", "Mars/Olympus", "../../etc/localtime", "europe/berlin", strings.Repeat("x", MaxName+1)} {
		if zone, err := LoadZone(name); err == nil {
			t.Errorf("%q is %v", name, zone)
		}
		if zone, err := builtInZone(name); err == nil {
			t.Errorf("%q is built in: %v", name, zone)
		}
	}
}
