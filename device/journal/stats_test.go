package journal

import (
	"testing"
	"time"
)

func TestRecordsWaitUntilTheControllerHasThem(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 700}
	var synced uint64
	o.Synced = func(took time.Duration) {
		if took < 0 {
			t.Error("an fdatasync took", took)
		}
		synced++
	}
	j, _ := fresh(t, o)
	before := j.Stats()
	wrote := synced
	for seq := range uint64(20) {
		append1(t, j, charge(seq))
	}
	if begun := j.Stats().Segments - before.Segments; synced-wrote != 20 || j.Stats().Syncs-before.Syncs != 20+2*begun { // a new one, and one ahead
		t.Errorf("told of %d fdatasyncs, %+v since %+v", synced-wrote, j.Stats(), before)
	}
	all := read(t, j, 0)
	last, hash := j.Last()
	if j.Waiting() != last {
		t.Errorf("%d of %d wait, though nobody has acknowledged one", j.Waiting(), last)
	}
	if err := j.Ack(j.ID(), 7, all[6].Hash); err != nil || j.Waiting() != last-7 {
		t.Errorf("%d wait behind record 7 of %d: %v", j.Waiting(), last, err)
	}
	if err := j.Ack(j.ID(), 3, all[2].Hash); err != nil || j.Waiting() != last-7 {
		t.Errorf("an acknowledgement of less made %d wait: %v", j.Waiting(), err)
	}
	if err := j.Ack(j.ID(), last, hash); err != nil || j.Waiting() != 0 {
		t.Errorf("%d wait, though all are acknowledged: %v", j.Waiting(), err)
	}
	append1(t, j, charge(99))
	if now, _ := j.Last(); j.Waiting() != now-last || now == last {
		t.Errorf("%d wait, not those after record %d up to %d", j.Waiting(), last, now)
	}
}
