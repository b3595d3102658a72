package formats

// Outputs appear whole or not at all.
//
// The obvious way, os.Create and write, leaves half a file under its final name when the disk fills, the power fails or somebody presses
// Ctrl-C, and the next step reads it. So an output is written under a hidden name in the same folder (a rename across file systems is a
// copy) and gets its own name only when all of it is on the disk. What is still unfinished when the program is interrupted is removed by
// AbortAll, for which the unfinished outputs are kept in a list.
//
// The final step must not replace what somebody else has put there in the meantime. rename(2) replaces silently, link(2) does not: so the
// file is linked to its name and the hidden name removed. Where the file system has no hard links (FAT, some network shares) the name is
// first taken with an empty file, which only one program can create, and then replaced.

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// ErrAborted is returned by an Output or OutputDir that Abort or AbortAll has ended, and by Create and CreateDir after AbortAll.
var ErrAborted = errors.New("interrupted: nothing was written")

var errCommitted = errors.New("already committed")

// CreateOptions are the options of Create. The zero value makes a file with mode 0644 that must not exist yet.
type CreateOptions struct {
	Mode      fs.FileMode // permissions, less the umask; 0 means 0644; 0600 for what must stay with its owner; ignored by Windows
	Overwrite bool        // replace an existing file, at Commit
	Inputs    []string    // files being read: the output may be none of them, under whatever name, even with Overwrite
}

// Output is a file being written. Its methods may be called from several goroutines, so that an interrupt can abort a file in the making,
// but calls of Write are not ordered among each other.
type Output struct {
	mu        sync.Mutex
	file      *os.File
	buf       *bufio.Writer
	temp      string // where the bytes are now
	place     string // where they go at Commit
	shown     string // what messages call it
	overwrite bool
	listed    bool // in the list of unfinished outputs; a file in an OutputDir is not: its folder is
	committed bool
	ended     error // nil while unfinished; then what Write and Commit answer
}

// OutputDir is a folder being written: files made with its Create have their places in it only when it is committed.
type OutputDir struct {
	mu       sync.Mutex
	temp     string
	place    string
	children []*Output
	ended    error
}

// unfinished holds every Output and OutputDir that is neither committed nor aborted.
var unfinished struct {
	sync.Mutex
	open    map[aborter]struct{}
	stopped bool
	folders []string // that AbortAll has removed
}

type aborter interface{ Abort() }

func enlist(o aborter) error {
	unfinished.Lock()
	defer unfinished.Unlock()
	if unfinished.stopped {
		return ErrAborted
	}
	if unfinished.open == nil {
		unfinished.open = map[aborter]struct{}{}
	}
	unfinished.open[o] = struct{}{}
	return nil
}

func strike(o aborter) {
	unfinished.Lock()
	defer unfinished.Unlock()
	delete(unfinished.open, o)
}

// AbortAll removes every output that is not committed and lets no new one begin. It is for the way out after an interrupt:
// when it returns no hidden file is left, and whoever still writes gets ErrAborted. Whoever writes into an OutputDir's Folder by
// other means may begin a file in it yet: called again when they have had time to stop, it removes those.
func AbortAll() {
	unfinished.Lock()
	unfinished.stopped = true
	var open []aborter
	for o := range unfinished.open {
		open = append(open, o)
		if d, ok := o.(*OutputDir); ok {
			unfinished.folders = append(unfinished.folders, d.temp)
		}
	}
	folders := slices.Clone(unfinished.folders)
	unfinished.Unlock()
	for _, o := range open {
		o.Abort()
	}
	for _, f := range folders {
		os.RemoveAll(f)
	}
}

// hiddenName is a name for an unfinished output: hidden, unused, and saying whose it is should a power failure leave it behind.
func hiddenName() string {
	var b [8]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return ".cohortlink-" + hex.EncodeToString(b[:]) + ".tmp"
}

// Create begins the file path, which appears at Commit. Call Abort when done in any case: after Commit it does nothing.
//
// It fails when path exists and may not be overwritten (errors.Is fs.ErrExist), is one of o.Inputs, or is not a regular file
// (a device, a symbolic link: replacing those is never what was meant), and when its folder does not exist.
func Create(path string, o CreateOptions) (*Output, error) {
	if err := checkPlace(path, o); err != nil {
		return nil, err
	}
	out, err := create(path, path, filepath.Dir(path), o)
	if err != nil {
		return nil, err
	}
	out.listed = true
	if err := enlist(out); err != nil {
		out.listed = false
		out.Abort()
		return nil, err
	}
	return out, nil
}

func create(place, shown, folder string, o CreateOptions) (*Output, error) {
	mode := o.Mode
	if mode == 0 {
		mode = 0o644
	}
	temp := filepath.Join(folder, hiddenName())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, folderError(shown, err)
	}
	return &Output{file: f, buf: bufio.NewWriterSize(f, 1<<16), temp: temp, place: place, shown: shown, overwrite: o.Overwrite}, nil
}

// checkPlace refuses a path before an hour's work goes into it. Commit looks again: this is a kindness, not the lock.
func checkPlace(path string, o CreateOptions) error {
	here, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return folderError(path, err)
	case here.IsDir():
		return wordedError{shownPath(path) + " is a folder; name a file", fs.ErrExist}
	case !here.Mode().IsRegular():
		return fmt.Errorf("%s is a link or a device, not a file; name the file itself", shownPath(path))
	}
	for _, in := range o.Inputs {
		if read, err := os.Stat(in); err == nil && os.SameFile(here, read) {
			return fmt.Errorf("%s is also an input; choose another name for the output", shownPath(path))
		}
	}
	if !o.Overwrite {
		return existsError(path)
	}
	return nil
}

// Write adds p to the file. Errors name the file and its folder.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended != nil {
		return 0, o.ended
	}
	n, err := o.buf.Write(p)
	if err != nil {
		return n, writeError(o.shown, err)
	}
	return n, nil
}

// Commit gives the file its name, once all of it is on the disk. When it fails, the file is aborted.
func (o *Output) Commit() error {
	if err := o.complete(); err != nil {
		return err
	}
	return o.appear()
}

// CommitAll commits files that belong together, in their order: all of them appear, or none. None of them may replace another file.
// All are on the disk before the first appears, so that a full disk shows none.
func CommitAll(outputs ...*Output) (err error) {
	for i, o := range outputs {
		if err = o.complete(); err == nil {
			continue
		}
		for _, other := range append(outputs[:i:i], outputs[i+1:]...) {
			other.Abort()
		}
		return err
	}
	for i, o := range outputs {
		if err = o.appear(); err == nil {
			continue
		}
		for _, there := range outputs[:i] {
			os.Remove(there.place)
		}
		for _, other := range outputs[i+1:] {
			other.Abort()
		}
		return err
	}
	return nil
}

// complete brings all of the file to the disk, still under its hidden name, and closes it: Windows renames only closed files.
func (o *Output) complete() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended != nil {
		return o.ended
	}
	err := o.buf.Flush()
	if err == nil {
		err = o.file.Sync()
	}
	if cerr := o.file.Close(); err == nil {
		err = cerr
	}
	return o.fail(err)
}

// appear gives a complete file its name.
func (o *Output) appear() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended != nil {
		return o.ended
	}
	if err := o.fail(putInPlace(o.temp, o.place, o.overwrite)); err != nil {
		return err
	}
	syncDir(filepath.Dir(o.place))
	o.committed = true
	o.finish(errCommitted)
	return nil
}

// fail aborts the file if there is an error, and returns it in words.
func (o *Output) fail(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		err = existsError(o.shown)
	default:
		err = writeError(o.shown, err)
	}
	os.Remove(o.temp)
	o.finish(err)
	return err
}

// Abort removes the unfinished file. It does nothing after Commit, and is safe to call twice.
func (o *Output) Abort() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended != nil {
		return
	}
	o.file.Close()
	os.Remove(o.temp)
	o.finish(ErrAborted)
}

func (o *Output) finish(ended error) {
	o.ended = ended
	if o.listed {
		strike(o)
	}
}

// putInPlace names the file temp place, atomically, and without replacing anything unless told to.
func putInPlace(temp, place string, overwrite bool) error {
	if overwrite {
		return os.Rename(temp, place)
	}
	err := os.Link(temp, place)
	if err == nil {
		return os.Remove(temp)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	taken, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	taken.Close()
	if err := os.Rename(temp, place); err != nil {
		os.Remove(place)
		return err
	}
	return nil
}

// CreateDir begins the folder path, which appears at Commit. mode 0 means 0755, less the umask. It fails when path exists,
// even as an empty folder. Call Abort when done in any case: after Commit it does nothing.
func CreateDir(path string, mode fs.FileMode) (*OutputDir, error) {
	path = filepath.Clean(path)
	if mode == 0 {
		mode = 0o755
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, existsError(path)
	}
	d := &OutputDir{temp: filepath.Join(filepath.Dir(path), hiddenName()), place: path}
	if err := os.Mkdir(d.temp, mode); err != nil {
		return nil, folderError(path, err)
	}
	if err := enlist(d); err != nil {
		d.Abort()
		return nil, err
	}
	return d, nil
}

// Folder is where the folder's files are until Commit, for whoever has to write files by itself: they count as they are at Commit.
func (d *OutputDir) Folder() string { return d.temp }

// Create begins a file in the folder. name may lead through subfolders ("links/gp-03.csv"), which are made; it may not lead out of the
// folder. The file counts once it is committed; it moves to its place with the folder.
func (d *OutputDir) Create(name string, mode fs.FileMode) (*Output, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended != nil {
		return nil, d.ended
	}
	shown := filepath.Join(d.place, name)
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("%s does not lie in the folder %s", shownPath(name), shownPath(d.place))
	}
	place := filepath.Join(d.temp, name)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return nil, folderError(shown, err)
	}
	out, err := create(place, shown, filepath.Dir(place), CreateOptions{Mode: mode})
	if err != nil {
		return nil, err
	}
	d.children = append(d.children, out)
	return out, nil
}

// Commit gives the folder its name. It fails, and the folder is aborted, when a file in it was begun and not committed,
// or when something else has its name by now.
func (d *OutputDir) Commit() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended != nil {
		return d.ended
	}
	for _, o := range d.children {
		o.mu.Lock()
		committed := o.committed
		o.mu.Unlock()
		if !committed {
			d.remove(ErrAborted)
			return fmt.Errorf("%s was not finished; the folder %s was not written", shownPath(o.shown), shownPath(d.place))
		}
	}
	// rename(2) replaces an empty folder and nothing else, so that a folder made since CreateDir loses nothing.
	if _, err := os.Lstat(d.place); err == nil {
		d.remove(ErrAborted)
		return existsError(d.place)
	}
	if err := os.Rename(d.temp, d.place); err != nil {
		d.remove(ErrAborted)
		return folderError(d.place, err)
	}
	syncDir(filepath.Dir(d.place))
	d.ended = errCommitted
	strike(d)
	return nil
}

// Abort removes the unfinished folder and what is in it. It does nothing after Commit, and is safe to call twice.
func (d *OutputDir) Abort() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended == nil {
		d.remove(ErrAborted)
	}
}

func (d *OutputDir) remove(ended error) {
	for _, o := range d.children {
		o.Abort() // Windows removes no folder with open files in it
	}
	os.RemoveAll(d.temp)
	d.ended = ended
	strike(d)
}

// syncDir makes a new name in the folder survive a power failure. Windows and some network shares cannot, and the file is whole either way.
func syncDir(folder string) {
	if f, err := os.Open(folder); err == nil {
		f.Sync()
		f.Close()
	}
}

// wordedError is an error of package os in our words. Its own would say the same again.
type wordedError struct {
	text string
	is   error
}

func (e wordedError) Error() string { return e.text }
func (e wordedError) Unwrap() error { return e.is }

func existsError(path string) error {
	return wordedError{shownPath(path) + " exists; choose another name, or remove it first", fs.ErrExist}
}

// folderError says why path cannot be begun.
func folderError(path string, err error) error {
	folder := shownPath(filepath.Dir(path))
	switch {
	case isDiskFull(err):
		return writeError(path, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s cannot be written: there is no folder %s; make it first", shownPath(path), folder)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s cannot be written: the folder %s may not be written to; choose another, or change its permissions", shownPath(path), folder)
	}
	return fmt.Errorf("%s cannot be written in the folder %s: %w", shownPath(path), folder, bare(err))
}

// writeError says why the bytes of path did not reach the disk.
func writeError(path string, err error) error {
	if isDiskFull(err) {
		return fmt.Errorf("%s cannot be written: the disk of the folder %s is full; make room and run again: %w",
			shownPath(path), shownPath(filepath.Dir(path)), bare(err))
	}
	return fmt.Errorf("%s cannot be written: %w", shownPath(path), bare(err))
}

// bare strips the hidden name off an error: it means nothing to anybody.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

func isDiskFull(err error) bool {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return true
	}
	var n syscall.Errno
	// ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL: Windows System Error Codes (0-499).
	return runtime.GOOS == "windows" && errors.As(err, &n) && (n == 39 || n == 112)
}

var _ io.Writer = (*Output)(nil)
