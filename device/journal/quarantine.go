package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxQuarantined is how many directories of quarantined segments are kept, at most
// MaxBytes together. The newest is kept until the journal needs its room.
const maxQuarantined = 4

const damagedPrefix = "damaged-"

func (j *Journal) damagedDir(number int) string { return j.path(damagedPrefix + strconv.Itoa(number)) }

// prepareDir makes the directory ready for the first segment of a journal: it exists,
// and the files of a damaged journal are quarantined.
func (j *Journal) prepareDir() error {
	if len(j.segments) > 0 {
		return nil
	}
	if err := os.MkdirAll(j.o.Dir, 0o700); err != nil {
		return err
	}
	if err := j.syncDir(filepath.Dir(j.o.Dir)); err != nil {
		return err
	}
	if j.damaged == "" {
		return nil
	}
	firsts, err := j.list()
	if err != nil {
		return err
	}
	// In ascending order: if this is cut short, the damaged segment is still the
	// newest, and no older one is taken for it.
	if err := j.quarantine(j.damaged, firsts...); err != nil {
		return err
	}
	j.damaged = ""
	return nil
}

// quarantine moves segments into a new directory, with a file that says why. It removes
// the oldest such directories beyond the bounds.
func (j *Journal) quarantine(reason string, firsts ...uint64) (err error) {
	numbers, err := j.quarantined()
	if err != nil {
		return err
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	dir := j.damagedDir(next)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	moved := 0
	defer func() {
		if err != nil && moved == 0 {
			os.RemoveAll(dir)
		}
	}()
	if err := os.WriteFile(filepath.Join(dir, "reason.txt"), []byte(reason+"\n"), 0o600); err != nil {
		return err
	}
	for _, first := range firsts {
		name := segmentName(first)
		if err := os.Rename(j.path(name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("move %s: %w", name, err)
		}
		moved++
		if err := j.syncDir(dir); err != nil {
			return err
		}
		if err := j.syncDir(j.o.Dir); err != nil {
			return err
		}
	}
	return j.boundQuarantine(append(numbers, next))
}

// boundQuarantine removes the oldest directories beyond the bounds.
func (j *Journal) boundQuarantine(numbers []int) error {
	bytes := int64(0)
	for i, number := range slices.Backward(numbers) {
		dir := j.damagedDir(number)
		bytes += sizeOf(dir)
		if i == len(numbers)-1 || i >= len(numbers)-maxQuarantined && bytes <= j.o.MaxBytes {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// sizeOf returns the bytes of all files in a directory.
func sizeOf(dir string) (bytes int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// withRoom calls do. If the disk has no room for it, it drops what is quarantined and
// calls do again.
func (j *Journal) withRoom(do func() error) error {
	err := do()
	if noRoom(err) && j.dropQuarantined() {
		err = do()
	}
	return err
}

// dropQuarantined deletes all quarantined files, and returns whether it deleted any.
func (j *Journal) dropQuarantined() bool {
	numbers, err := j.quarantined()
	if err != nil || len(numbers) == 0 {
		return false
	}
	for _, number := range numbers {
		if os.RemoveAll(j.damagedDir(number)) != nil {
			return false
		}
	}
	return j.syncDir(j.o.Dir) == nil
}

// quarantined returns the numbers of the directories of quarantined segments, in
// ascending order.
func (j *Journal) quarantined() (numbers []int, err error) {
	entries, err := os.ReadDir(j.o.Dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if digits, found := strings.CutPrefix(entry.Name(), damagedPrefix); found {
			if n, err := strconv.Atoi(digits); err == nil {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
