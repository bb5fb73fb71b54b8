package main

import (
	"context"
	"time"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/device"
	"latchkey/sync/wire"
)

// The TPM's count and the key file are looked at each tpmEvery, and each tpmAgain while
// something is wrong.
const (
	tpmEvery = time.Minute
	tpmAgain = 5 * time.Second
)

// watchTPM keeps the keys in the TPM in use, and the request for adoption up to date, until
// ctx ends. It calls changed when that has got another fingerprint.
func (r *reader) watchTPM(ctx context.Context, h *held, send func(device.Event), changed func()) error {
	for {
		wait := tpmEvery
		if k := h.current(); k.err != nil || k.pinErr != nil {
			wait = tpmAgain
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.trouble:
		case <-time.After(wait):
		}
		h.openKeys(ctx)
		h.tell(send)
		if k := h.current(); (k.err != nil || k.pinErr != nil) && r.requestTPM(ctx) {
			changed()
		}
	}
}

// requestTPM notes for the request for adoption what the TPM wants, and says whether the
// request has another fingerprint now.
func (r *reader) requestTPM(ctx context.Context) (changed bool) {
	var request *wire.RequestTPM
	if r.tpm != nil {
		ctx, cancel := context.WithTimeout(ctx, tpmWithin)
		defer cancel()
		var err error
		if request, err = r.tpm.Request(ctx); err != nil {
			r.log.Error("the TPM cannot be asked what adoption needs: tried again", "err", err)
			return false
		}
	}
	changed, err := adoption.KeepTPM(r.config.Reader.Data, request)
	if err != nil {
		r.log.Error("what the TPM needs for adoption cannot be written: tried again", "err", err)
		return false
	}
	return changed
}
