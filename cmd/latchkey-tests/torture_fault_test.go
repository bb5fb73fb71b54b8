package tests

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// The faults that a disk may have.
var faults = []fault{
	{name: "ENOSPC", errno: unix.ENOSPC, count: -1, kinds: growing},
	{name: "ENOSPC for a while", errno: unix.ENOSPC, count: 3, kinds: growing},
	{name: "EIO while writing", errno: unix.EIO, count: -1, kinds: modifying},
	{name: "EIO once while writing", errno: unix.EIO, count: 1, kinds: modifying},
	{name: "EIO while syncing", errno: unix.EIO, count: -1, kinds: syncing},
	{name: "EIO once while syncing", errno: unix.EIO, count: 1, kinds: syncing},
	{name: "read-only", errno: unix.EROFS, count: -1, kinds: modifying},
	{name: "a torn write and ENOSPC", errno: unix.ENOSPC, count: 1, torn: true, kinds: growing},
	{name: "a torn write and EIO", errno: unix.EIO, count: -1, torn: true, kinds: modifying},
	{name: "EIO while reading", errno: unix.EIO, count: -1, kinds: []uint32{fuseRead}},
	{name: "no answer while syncing", stall: true, count: -1, kinds: syncing},
	{name: "none"},
}

// faultRound has the disk fail while somebody uses the reader, and kills the reader. Then
// the fault ends, or the power is cut.
func (v *victim) faultRound() {
	v.t.Helper()
	f := faults[v.random.IntN(len(faults))]
	f.after = v.random.IntN(3)
	v.o.round = nil
	reading := len(f.kinds) == 1 && f.kinds[0] == fuseRead
	v.o.count("disk: " + f.name)
	hits := v.disk.hits()
	if v.random.IntN(5) == 0 && !reading && !f.stall {
		v.disk.breakWith(f)
		v.o.count("starts on a disk that fails")
		// There may be no status, for its socket is a file. Were there one, it
		// could tell of a charge that was on its way to the disk when the reader
		// was killed before, and that the next power cut takes: its outcome was
		// never known.
		v.start()
		v.opensByCard(bobUID, "a card on a disk that fails: "+f.name)
		v.o.forgiven()
	} else {
		v.ready()
		v.disk.breakWith(f)
	}
	d := visits[v.random.IntN(len(visits))]
	if v.known.Lockout != "" {
		d = wrongVisit
	}
	v.live(d, v.killed(v.while()))
	v.kill()
	if d.passes {
		v.o.forgiven()
	}
	if v.disk.hits() > hits {
		v.o.count("rounds in which the disk did fail")
	}
	if v.random.IntN(2) == 0 {
		v.disk.cut()
		v.o.count("power cuts")
	} else {
		v.disk.breakWith(fault{})
		v.o.count("kills")
	}
	v.inspect(false)
	if v.known.Pending != 0 {
		v.o.count("ends while a PIN was charged and not decided")
	}
}

// heals has the disk fail under a reader that goes on running and takes PINs
// again by itself once the fault is gone.
func (v *victim) heals(f fault) {
	v.t.Helper()
	v.o.count("disk healed under the running reader: " + f.name)
	v.ready()
	v.disk.breakWith(f)
	if f.count >= 0 { // perhaps nothing is seen of it
		v.eventually("the start page", func() bool { return v.offers("pin") })
		typing(wrongPIN)(v)
	} else {
		v.until("PIN is out of order with "+f.name, wrongPIN, func() bool { return v.status()["pin"] == "not stored" })
		v.opensByCard(bobUID, "a card with "+f.name)
	}
	v.disk.breakWith(fault{})
	v.eventually("PIN works again after "+f.name, func() bool { return v.status()["pin"] == "on" })
	v.o.reports(v.status())
	v.kill()
	v.disk.cut()
	v.inspect(false)
}

func TestNoFaultOfADiskAndNoPowerCutMakesAReaderForgetOrOpen(t *testing.T) {
	t.Parallel()
	victims, rounds := rounds(3, 40)
	site := adaAndBob(t)
	for i := range victims {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, site, uint64(100+i))
			var err error
			if v.disk, err = load(v.data(), v.random); err != nil {
				t.Fatal(err)
			}
			mounted, err := mount(v.disk, v.data())
			if errors.Is(err, errNoMount) {
				t.Skip(err)
			}
			t.Cleanup(func() {
				v.kill()
				mounted.unmount(t)
			})
			if err != nil {
				t.Fatal(err)
			}
			for range rounds {
				v.faultRound()
			}
			for _, f := range faults {
				heals := len(f.kinds) > 0 && f.kinds[0] != fuseRead
				if heals && (*torture || f.stall || f.errno == unix.EROFS) {
					v.heals(f)
				}
			}
			v.works()
			t.Log(v.o.report(fmt.Sprintf("disk faults and power cuts, reader %d, seed %d", i, *tortureSeed), invariants...))
		})
	}
}
