package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cohortlink/formats"
	"cohortlink/hashing"
)

// noiseSuffix makes the name of the file, beside the map, from which noise is drawn.
const noiseSuffix = ".noise"

// earlier is what a run keeps of an earlier one, whose map it was given: the IDs of records
// that the party had then, and the noise that goes with them.
type earlier struct {
	ids   map[string]formats.RecordID // by the party's own record number; nil without a map
	noise *hashing.NoiseSecret        // new where there is none yet; nil where noise is fresh or the encoding has none
	file  string                      // that the secret was read from; "" where it is new
}

// readEarlier reads the map and what is beside it. Noise persists from the first run that
// writes down whose record IDs are whose.
func (h *hashRun) readEarlier(e *encoding, party string) (*earlier, error) {
	ids, err := h.readOldMap()
	if err != nil {
		return nil, err
	}
	old := &earlier{ids: ids}
	if !e.noisy || h.recordKey == "" {
		return old, nil
	}
	if h.oldMap != "" {
		path := filepath.Join(filepath.Dir(h.oldMap), party+noiseSuffix)
		_, err := os.Stat(path)
		if err == nil {
			old.file = path
			old.noise, err = h.app.readNoiseSecret(path)
			return old, err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, errorf("read %s: %w", path, because(err))
		}
		h.app.ui.warnf("there is no %s beside %s, so that noise is drawn anew although record IDs are kept: see that the unit destroys the earlier %s.filters, or it can average the noise away", party+noiseSuffix, h.oldMap, party)
	}
	old.noise, err = hashing.NewNoiseSecret(h.random)
	return old, err
}

func (h *hashRun) readOldMap() (map[string]formats.RecordID, error) {
	if h.oldMap == "" {
		return nil, nil
	}
	if h.recordKey == "" {
		return nil, usagef("--map keeps record IDs by your own record numbers: name their column with --record-key")
	}
	m, err := formats.ReadMap(h.oldMap)
	if err != nil {
		return nil, err
	}
	if m.LocalIDs == nil {
		return nil, errorf("%s was made without --record-key: it does not say whose record IDs these are", h.oldMap)
	}
	return m.ByLocalID(), nil
}

// drawIDs gives each row of a batch a random ID, or the one that its local ID had.
func (b *batch) drawIDs(random io.Reader, old map[string]formats.RecordID) error {
	b.ids = make([]formats.RecordID, len(b.rows))
	for i := range b.ids {
		if b.local != nil && b.local[i] != "" {
			if id, ok := old[b.local[i]]; ok {
				b.ids[i] = id
				continue
			}
		}
		if _, err := io.ReadFull(random, b.ids[i][:]); err != nil {
			return errorf("draw record IDs: %w", err)
		}
	}
	return nil
}

// checkLocal refuses an extract two of whose records have the same local ID.
func (h *hashRun) checkLocal(batches []*batch) error {
	seen := map[string]int{}
	for _, b := range batches {
		for i, ok := range b.ok {
			if !ok || b.local == nil || b.local[i] == "" {
				continue
			}
			if first, again := seen[b.local[i]]; again {
				return errorf("%s: rows %d and %d have the same value in column %q, so it is no record number\nchoose another --record-key, or leave it out", h.extract, first, b.rows[i], h.recordKey)
			}
			seen[b.local[i]] = b.rows[i]
		}
	}
	return nil
}
