package link_test

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
)

func TestADamagedStateKeepsNoControllerFromStarting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.embed()
	w.serve()
	m := w.reader("front-door")
	w.end() // newest states are kept at the end
	if n := sitetest.Execute(t, w.dir, `UPDATE states SET state = x'a1ff'`); n != 1 {
		t.Fatalf("%d states", n)
	}
	w.serve()
	w.connect(m)
	readers, err := w.link.Readers(t.Context())
	if err != nil || len(readers) != 1 || !readers[0].Online || readers[0].State == nil {
		t.Errorf("%+v, %v", readers, err)
	}
}
