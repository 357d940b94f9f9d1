package store

// shadow remembers which records changed while a compaction copies, for it to copy them again. Nil: no compaction runs.
type shadow struct {
	keys map[shadowKey]struct{}
}

// shadowKey names a record.
type shadowKey struct {
	bucket int
	key    string
}

// touch remembers a record.
func (s *shadow) touch(bucket int, key []byte) {
	if s != nil && bucket != inMeta {
		s.keys[shadowKey{bucket, string(key)}] = struct{}{}
	}
}
