package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"latchkey/sync/wire"
)

// takeOver takes over an adoption that has come. One that is refused is set
// aside; one that fails, for want of room perhaps, is tried again later.
func (r *reader) takeOver() {
	dir := r.config.Reader.Data
	err := takeOver(dir)
	if err == nil {
		r.tried, r.refused = time.Time{}, ""
		return
	}
	r.log.Error("the adoption is not taken over", "err", err)
	r.refused = err.Error()
	if errors.Is(err, errRefused) {
		if err := os.Rename(filepath.Join(dir, adoptionFile), filepath.Join(dir, adoptionFile+".refused")); err == nil {
			return
		}
	}
	if info, err := os.Stat(filepath.Join(dir, adoptionFile)); err == nil {
		r.tried = info.ModTime()
	}
}

// site returns the site that the reader belongs to, or one without a bundle
// number and why: fs.ErrNotExist if it never belonged to any. A reader whose
// site cannot be read is not set up: its exit button works.
func (r *reader) site() (*site, error) {
	held, err := readSite(r.config.Reader.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.log.Info("not adopted yet: run latchkeyd identity, give the request to the controller, and its bundle to latchkeyd adopt")
		return new(site), err
	case err != nil:
		r.log.Error("not set up", "err", err)
		return new(site), err
	case held.Reader != r.config.Reader.ID:
		err := fmt.Errorf("the site adopted this reader as %s, but reader.id is %s in the config: make them equal", held.Reader, r.config.Reader.ID)
		r.log.Error("not set up", "err", err)
		return new(site), err
	}
	return held, nil
}

// begun notes that the first journal of an adopted reader is there, so that from now on
// a missing one is one that was lost, and that it tells of the site.
func (r *reader) begun(s *site) {
	noted := *s
	noted.First, noted.Replaced = false, false
	if err := writeFile(r.config.Reader.Data, siteFile, wire.Marshal(&noted)); err != nil {
		r.log.Warn("the beginning of the journal is not noted", "err", err) // tried again with the next record
		return
	}
	*s = noted
}

// fingerprint is what the screen shows for adoption; "" as long as there are no
// keys.
func (r *reader) fingerprint() string {
	id, err := readIdentity(r.config.Reader.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		r.log.Error("identity", "err", err)
		return ""
	}
	fingerprint, err := id.fingerprint()
	if err != nil {
		r.log.Error("identity", "err", err)
	}
	return fingerprint
}

// adoptAgain is how long an adoption that failed waits for another try.
const adoptAgain = time.Minute

// lookForAdoption looks every second whether a bundle, or the keys that a
// request is made of, have come. The bundle that was tried last waits.
func lookForAdoption(ctx context.Context, dir string, tried time.Time, adopted chan<- struct{}) error {
	_, err := os.Stat(filepath.Join(dir, identityFile))
	hadKeys := err == nil
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-nextSecond():
		}
		bundle, err := os.Stat(filepath.Join(dir, adoptionFile))
		come := err == nil && (!bundle.ModTime().Equal(tried) || time.Since(began) > adoptAgain)
		_, err = os.Stat(filepath.Join(dir, identityFile))
		if come || err == nil && !hadKeys {
			adopted <- struct{}{}
			return nil
		}
	}
}
