# One operation on the files below a root directory, which it never leaves. Runs inside the container, as the
# workspace's own user. `infra/local/rooted_fs.py` does the same on this host.
#
#   list ROOT PATH    "ok", then "KIND SIZE MODIFIED NAME" NUL for each entry: KIND d or f, SIZE in bytes, MODIFIED in
#                     seconds since 1970
#   read ROOT PATH    "ok text|binary SIZE", then SIZE bytes; a large file first asks for a channel
#   write ROOT PATH   "ok", then reads pieces, each behind its length (four bytes, big-endian). A length of zero ends
#                     the file, answered by "done". A length of -1 asks for a channel for the rest. Input that ends
#                     before the zero leaves the old file as it was
#   delete ROOT PATH  "ok"
#
# A refusal is "error CODE": leaves, missing, directory, file, below file, root, special, denied, links,
# or the system's message.
#
# The walk opens each directory by its name in the previous one, never through a link, and makes it the working
# directory, so that every call names one entry. Links are read and walked by the same steps, and ".." returns to a
# directory that is still open. A process that moves links meanwhile changes what is found, never where.
use Fcntl qw(:mode O_CREAT O_DIRECTORY O_EXCL O_NOCTTY O_NOFOLLOW O_NONBLOCK O_RDONLY O_WRONLY);
use Errno qw(EACCES EEXIST EISDIR ELOOP ENOENT ENOTDIR EPERM);

my $PIECE_BYTES = 1 << 18;
my $LARGE_BYTES = 1 << 20;    # from here on a channel pays; files.py has the same number
my ($MAX_LINKS, $MAX_RETRIES, $MAX_ENTRIES) = (40, 200, 50_000);
my $REPLACEMENT = "\xEF\xBF\xBD";    # U+FFFD, which listings show for bytes that are no UTF-8
# A character of more than one byte (RFC 3629, section 4).
my $UTF8_CHARACTER = qr/
    [\xC2-\xDF] [\x80-\xBF] | \xE0 [\xA0-\xBF] [\x80-\xBF] | [\xE1-\xEC\xEE\xEF] [\x80-\xBF]{2} |
    \xED [\x80-\x9F] [\x80-\xBF] | \xF0 [\x90-\xBF] [\x80-\xBF]{2} | [\xF1-\xF3] [\x80-\xBF]{3} |
    \xF4 [\x80-\x8F] [\x80-\xBF]{2}
/x;
my ($operation, $root, $path) = @ARGV;
(my $root_name = $root) =~ s{^/+|/+$}{}g;    # by which absolute links name the root
my @open_directories;                        # from the root to the working directory

sub refuse_errno {
    refuse("missing") if $! == ENOENT || $! == ENOTDIR;
    refuse("denied") if $! == EACCES || $! == EPERM;
    refuse("links") if $! == ELOOP;
    refuse("directory") if $! == EISDIR;
    refuse("$!");
}

sub enter_last { chdir $open_directories[-1] or refuse_errno() }

sub enter_root {
    sysopen my $handle, $root, O_RDONLY | O_DIRECTORY or refuse_errno();
    @open_directories = ($handle);
    enter_last();
}

# Enters the directory that has the entry, and returns the entry's name: "." where the path is that directory. On
# failure returns undef and a code; an empty code means that $! says why. Options: `follow` the last link, `make`
# missing directories.
sub walk {
    my ($start, %options) = @_;
    my @names = grep { length && $_ ne "." } split m{/}, $start;
    my ($links, $retries) = (0, 0);
    while (@names) {
        my $name = shift @names;
        if ($name eq "..") {
            return (undef, "leaves") if @open_directories == 1;
            pop @open_directories;
            enter_last();
            next;
        }
        $name = exact_name($name);
        my $target = @names || $options{follow} ? readlink $name : undef;
        if (defined $target) {
            return (undef, "links") if ++$links > $MAX_LINKS;
            if ($target =~ m{^/}) {
                return (undef, "leaves") unless $target =~ s{^/+\Q$root_name\E(?:/+|\z)}{};
                @open_directories = ($open_directories[0]);
                enter_last();
            }
            unshift @names, grep { length && $_ ne "." } split m{/}, $target;
            next;
        }
        return ($name) unless @names;
        if (sysopen my $next, $name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) {
            push @open_directories, $next;
            enter_last();
            next;
        }
        my $errno = $! + 0;
        if ($errno == ENOENT && $options{make}) {
            (mkdir $name or $! == EEXIST) && ++$retries < $MAX_RETRIES or return (undef, "");
            unshift @names, $name;
            next;
        }
        # The entry has become a link since it was read.
        if (($errno == ENOTDIR || $errno == ELOOP) && -l $name && ++$retries < $MAX_RETRIES) {
            unshift @names, $name;
            next;
        }
        return (undef, "below file") if $errno == ENOTDIR && $options{make};
        $! = $errno;
        return (undef, "");
    }
    return (".");
}

# The entry of the working directory that is listed under a name with U+FFFD in place of bytes that are no UTF-8; the
# name itself if none is. Of several that look alike, the first by its bytes.
sub exact_name {
    my ($name) = @_;
    return $name if index($name, $REPLACEMENT) < 0 || lstat $name;
    my $listed_name = listed_name($name);
    for my $entry (sort(entry_names())) {
        return $entry if listed_name($entry) eq $listed_name;
    }
    return $name;
}

# A name as it is listed, with one U+FFFD for each run of bytes that are no UTF-8.
sub listed_name {
    my ($bytes) = @_;
    $bytes =~ s/($UTF8_CHARACTER)|[\x80-\xFF]/defined $1 ? $1 : $REPLACEMENT/ge;
    $bytes =~ s/(?:$REPLACEMENT)+/$REPLACEMENT/g;
    return $bytes;
}

# Walks the path from the root, and returns the entry's name in the working directory, or refuses.
sub locate {
    my %options = @_;
    enter_root();
    my ($name, $code) = walk($path, %options);
    return $name if defined $name;
    $code ? refuse($code) : refuse_errno();
}

sub each_piece {
    my ($file, $left, $use) = @_;
    while ($left > 0) {
        my $read = sysread $file, my $piece, $left < $PIECE_BYTES ? $left : $PIECE_BYTES;
        return 0 unless $read;
        $use->($piece) or return 0;
        $left -= $read;
    }
    return 1;
}

# Whether the file is UTF-8 without a NUL. Perl's decoder also takes surrogates and numbers above U+10FFFF: the last
# pattern refuses them.
sub is_text {
    my ($file, $size) = @_;
    my $incomplete = "";    # the beginning of a character that the next piece ends
    my $valid = each_piece($file, $size, sub {
        my $text = $incomplete . $_[0];
        return 0 if index($text, "\0") >= 0;
        $incomplete = $text =~ s/([\xC2-\xDF]|[\xE0-\xEF][\x80-\xBF]?|[\xF0-\xF4][\x80-\xBF]{0,2})\z// ? $1 : "";
        my $bytes = $text;
        return 0 unless utf8::decode($text);
        return !utf8::is_utf8($text) || $bytes !~ /\xED[\xA0-\xBF]|\xF4[\x90-\xBF]|[\xF5-\xFF]/;
    });
    return $valid && $incomplete eq "";
}

sub entry_names {
    opendir my $directory, "." or refuse_errno();
    return grep { $_ ne "." && $_ ne ".." } readdir $directory;
}

my %operations = (
    list => sub {
        my $name = locate(follow => 1);
        if ($name ne ".") {
            refuse("file") if lstat $name and !-d _ && !-l _;
            sysopen my $directory, $name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW or refuse_errno();
            push @open_directories, $directory;
            enter_last();
        }
        my @names = entry_names();
        refuse("there are too many files in it to be listed") if @names > $MAX_ENTRIES;
        my @listed_directories = @open_directories;
        my $listing = "ok\n";
        for my $name (@names) {
            my @status = lstat $name or next;
            if (-l _) {    # shown as its target, unless that is outside or missing
                my ($target) = walk($name, follow => 1);
                my @target_status = defined $target ? lstat $target : ();
                @status = @target_status if @target_status;
                @open_directories = @listed_directories;
                enter_last();
            }
            my $kind = S_ISDIR($status[2]) ? "d" : "f";
            $listing .= "$kind $status[7] $status[9] $name\0";
        }
        report($listing);
    },
    read => sub {
        my $name = locate(follow => 1);
        lstat $name or refuse_errno();
        refuse("directory") if -d _;
        refuse("special") unless -f _ || -l _;
        sysopen my $file, $name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY or refuse_errno();
        my $size = (stat $file)[7];
        refuse("special") unless -f _;
        my $kind = is_text($file, $size) ? "text" : "binary";
        sysseek $file, 0, 0;
        report("ok $kind $size\n");
        my $output = $size > $LARGE_BYTES ? choose_channel(\*STDOUT) : \*STDOUT;
        each_piece($file, $size, sub { write_all($output, $_[0]) });
    },
    write => sub {
        my $name = locate(follow => 1, make => 1);
        my @status = lstat $name;
        refuse("directory") if @status && -d _;
        refuse("special") if @status && !-f _ && !-l _;
        my $new = sprintf ".%s.%08x", substr($name, 0, 200), rand 2**32;
        sysopen my $file, $new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666 or refuse_errno();
        $SIG{$_} = sub { unlink $new; exit 1 } for qw(ALRM HUP INT TERM PIPE);
        my $undo = sub { my $errno = $!; unlink $new; $! = $errno; refuse_errno() };
        chmod $status[2] & 0777, $file if @status && S_ISREG($status[2]);
        report("ok\n");
        my $input = \*STDIN;
        my $need = sub {
            my $data = read_exactly($input, $_[0]);
            return $data if defined $data;
            unlink $new;
            exit 1;
        };
        while (my $left = unpack "N", $need->(4)) {
            if ($left == 0xFFFFFFFF) { $input = choose_channel($input); next }
            while ($left > 0) {
                my $piece = $need->($left < $PIECE_BYTES ? $left : $PIECE_BYTES);
                $left -= length $piece;
                write_all($file, $piece) or $undo->();
            }
        }
        close $file;
        rename $new, $name or $undo->();
        report("done\n");
    },
    delete => sub {
        my $name = locate();
        refuse("root") if $name eq ".";
        lstat $name or refuse_errno();
        if (!-d _) { unlink $name or refuse_errno() }    # a link is removed, wherever it leads
        elsif (system("rm", "-rf", "--", $name) != 0) { refuse("denied") }
        report("ok\n");
    },
);

$operations{$operation}->();
