package desk

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// BenchmarkImport measures an import of 100,000 new users with a card each, and the export of
// them, its preview and its import, which changes half of them; and in percent in how much of an
// import, its preview included, other writers wait. With the flag -postgres the site is in PostgreSQL.
func BenchmarkImport(b *testing.B) {
	const rows = 100_000
	var file bytes.Buffer
	file.WriteString("first_name,last_name,email,employee_number,valid_until,cards\n")
	for i := range rows {
		fmt.Fprintf(&file, "First%d,Last%d,user%d@example.com,%06d,2030-12-31,04%012X\n", i%500, i, i, i, i)
	}
	for b.Loop() {
		b.StopTimer()
		dir := filepath.Join(b.TempDir(), "site")
		s, err := site.Create(b.Context(), dir, postgrestest.Address(b), "home", "UTC", clock.Read())
		if err != nil {
			b.Fatal(err)
		}
		d := New(Options{Site: s})
		b.StartTimer()
		spent := map[string]time.Duration{}
		step := func(name string, do func() error) {
			runtime.GC()
			began, stop, most := time.Now(), make(chan struct{}), make(chan uint64)
			go func() {
				var top uint64
				for {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					top = max(top, m.HeapAlloc)
					select {
					case <-stop:
						most <- top
						return
					case <-time.After(100 * time.Millisecond):
					}
				}
			}()
			err := do()
			took := time.Since(began)
			close(stop)
			if err != nil {
				b.Fatal(name, err)
			}
			b.ReportMetric(took.Seconds(), name+"-s")
			b.ReportMetric(float64(<-most)/(1<<20), name+"-MiB")
			spent[name] = took
		}
		load := func(name string, raw []byte) {
			var p *ImportPreview
			step(name+"-preview", func() (err error) { p, err = d.PreviewImport(b.Context(), as(Owner), raw); return err })
			var ready *preparedImport
			step(name+"-prepare", func() (err error) {
				ready, err = d.prepareImport(b.Context(), as(Owner), raw, p.Revision, nil)
				return err
			})
			step(name+"-write", func() error { return d.writeImport(b.Context(), as(Owner), ready, nil) })
			all := spent[name+"-preview"] + spent[name+"-prepare"] + spent[name+"-write"]
			b.ReportMetric(100*spent[name+"-write"].Seconds()/all.Seconds(), name+"-wait-%")
		}
		load("new", file.Bytes())
		var out bytes.Buffer
		step("export", func() error { return d.ExportUsers(b.Context(), as(Owner), UserQuery{}, &out) })
		load("half", bytes.Replace(out.Bytes(), []byte("2031-01-01T"), []byte("2032-01-01T"), rows/2))
		s.Close()
	}
}
