package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/pin/tpm"
)

// The TPM's count and the key file are looked at each tpmEvery, and each tpmAgain while
// something is wrong that may pass.
const (
	tpmEvery = time.Minute
	tpmAgain = 5 * time.Second
)

// watchTPM opens the keys and keeps them in use, and the request for adoption up to date,
// until ctx ends. It calls changed when that has got another fingerprint.
func (r *reader) watchTPM(ctx context.Context, h *held, send func(device.Event), changed func()) error {
	var said string // in the log
	for wait := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-h.stale:
		case <-time.After(wait):
		}
		h.openKeys(ctx)
		if ctx.Err() != nil {
			return nil
		}
		h.tell(send)
		k := h.current()
		other, err := r.requestTPM(ctx)
		if other {
			changed()
		}
		if wrong := fmt.Sprint(k.err, k.pinErr, k.impaired, err); wrong != said {
			said = wrong
			if !errors.Is(k.err, cache.ErrEmpty) {
				k.log(r.log)
			}
			if err != nil {
				r.log.Error("a request for adoption cannot have what the TPM needs: tried again", "err", err)
			}
		}
		wait = tpmEvery
		if mayPass(k.err) || mayPass(k.pinErr) || mayPass(k.impaired) || err != nil {
			wait = tpmAgain
		}
	}
}

// mayPass says whether what is wrong with a TPM may pass by itself.
func mayPass(err error) bool {
	return errors.Is(err, tpm.ErrAbsent) || errors.Is(err, tpm.ErrBusy) || errors.Is(err, tpm.ErrFull)
}

// requestTPM notes for the request for adoption what the TPM wants, and says whether the
// request has another fingerprint now.
func (r *reader) requestTPM(ctx context.Context) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	request, err := r.tpm.Request(ctx)
	if err != nil {
		return false, err
	}
	return adoption.KeepTPM(r.config.Reader.Data, request)
}
