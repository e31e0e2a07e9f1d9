# One operation on the files below a directory, which it never leaves. Run as the workspace's own user, in there.
#
#   list ROOT PATH    ok, then "KIND SIZE MODIFIED NAME" NUL for each entry
#   read ROOT PATH    ok text|binary SIZE, then so many bytes; where they are many, it asks first which way
#   write ROOT PATH   ok, then takes pieces, each behind its length (four bytes, the highest first); a length of
#                     zero: that was all, and then comes done. The input ends before that: nothing was written.
#                     A length of -1: it asks which way the rest comes
#   delete ROOT PATH  ok
#
# What cannot be done is "no WHY": leaves, missing, directory, special, denied, links, or the system's words.
# It walks: each directory is opened by its name in the one before, never through a link, and made the working
# directory, in which every call then names one entry. So whoever moves links about meanwhile changes what is
# found, but not where; links are read and walked by the same steps, and ".." goes back to what was held open.
use Fcntl qw(:mode O_CREAT O_DIRECTORY O_EXCL O_NOCTTY O_NOFOLLOW O_NONBLOCK O_RDONLY O_WRONLY);
use Errno qw(EACCES EEXIST EISDIR ELOOP ENOENT ENOTDIR EPERM);

my $PIECE = 1 << 18;
my $MANY = 1 << 20;
my ($LINKS, $AGAIN, $ENTRIES) = (40, 200, 50_000);
my ($operation, $root, $path) = @ARGV;
(my $known = $root) =~ s{^/+|/+$}{}g;    # by which name links may call it
my @held;

sub failed {
    no_("missing") if $! == ENOENT || $! == ENOTDIR;
    no_("denied") if $! == EACCES || $! == EPERM;
    no_("links") if $! == ELOOP;
    no_("directory") if $! == EISDIR;
    no_("$!");
}

sub enter { chdir $held[-1] or failed() }

sub start {
    sysopen my $top, $root, O_RDONLY | O_DIRECTORY or failed();
    @held = ($top);
    enter();
}

# Leaves us in the directory that has the entry whose name is returned; "." where the path is that directory.
# Returns nothing if it leaves, and dies of nothing: what fails is in $!. Options: follow the last link, make parents.
sub walk {
    my ($from, %how) = @_;
    my @todo = grep { length && $_ ne "." } split m{/}, $from;
    my ($links, $again) = (0, 0);
    while (@todo) {
        my $name = shift @todo;
        if ($name eq "..") {
            return (undef, "leaves") if @held == 1;
            pop @held;
            enter();
            next;
        }
        my $to = @todo || $how{follow} ? readlink $name : undef;
        if (defined $to) {
            return (undef, "links") if ++$links > $LINKS;
            if ($to =~ m{^/}) {
                return (undef, "leaves") unless $to =~ s{^/+\Q$known\E(?:/+|\z)}{};
                @held = ($held[0]);
                enter();
            }
            unshift @todo, grep { length && $_ ne "." } split m{/}, $to;
            next;
        }
        return ($name) unless @todo;
        if (sysopen my $next, $name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) {
            push @held, $next;
            enter();
            next;
        }
        my $why = $! + 0;
        if ($why == ENOENT && $how{make}) {
            (mkdir $name or $! == EEXIST) && ++$again < $AGAIN or return (undef, "");
            unshift @todo, $name;
            next;
        }
        if (($why == ENOTDIR || $why == ELOOP) && -l $name && ++$again < $AGAIN) {    # it has just become a link
            unshift @todo, $name;
            next;
        }
        $! = $why;
        return (undef, "");
    }
    return (".");
}

sub found {
    my %how = @_;
    start();
    my ($name, $why) = walk($path, %how);
    return $name if defined $name;
    $why ? no_($why) : failed();
}

sub pieces {
    my ($file, $left, $each) = @_;
    while ($left > 0) {
        my $n = sysread $file, my $piece, $left < $PIECE ? $left : $PIECE;
        return 0 unless $n;
        $each->($piece) or return 0;
        $left -= $n;
    }
    return 1;
}

# Whether it is UTF-8 without a NUL; what Perl takes beyond that is refused.
sub is_text {
    my ($file, $size) = @_;
    my $rest = "";
    my $fine = pieces($file, $size, sub {
        my $text = $rest . $_[0];
        return 0 if index($text, "\0") >= 0;
        $rest = $text =~ s/([\xC2-\xDF]|[\xE0-\xEF][\x80-\xBF]?|[\xF0-\xF4][\x80-\xBF]{0,2})\z// ? $1 : "";
        my $bytes = $text;
        return 0 unless utf8::decode($text);
        return !utf8::is_utf8($text) || $bytes !~ /\xED[\xA0-\xBF]|\xF4[\x90-\xBF]|[\xF5-\xFF]/;
    });
    return $fine && $rest eq "";
}

sub remove {    # an entry of the working directory, and what is in it; links are entries
    my ($name) = @_;
    lstat $name or failed();
    if (!-d _) { unlink $name or failed(); return }
    opendir my $here, "." or failed();
    sysopen my $inside, $name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW or failed();
    chdir $inside or failed();
    opendir my $entries, "." or failed();
    my @names = grep { $_ ne "." && $_ ne ".." } readdir $entries;
    closedir $entries;
    remove($_) for @names;
    chdir $here or failed();
    rmdir $name or failed();
}

my %operations = (
    list => sub {
        my $name = found(follow => 1);
        if ($name ne ".") {
            no_("file") if lstat $name and !-d _ && !-l _;
            sysopen my $directory, $name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW or failed();
            push @held, $directory;
            enter();
        }
        opendir my $entries, "." or failed();
        my @names = grep { $_ ne "." && $_ ne ".." } readdir $entries;
        no_("there are too many files in it to be listed") if @names > $ENTRIES;
        my @here = @held;
        my $said = "ok\n";
        for my $name (@names) {
            my @seen = lstat $name or next;
            if (-l _) {    # it is shown as what it leads to, unless that is elsewhere
                my ($there) = walk($name, follow => 1);
                my @target = defined $there ? lstat $there : ();
                @seen = @target if @target;
                @held = @here;
                enter();
            }
            my $kind = S_ISDIR($seen[2]) ? "d" : "f";
            $said .= "$kind $seen[7] $seen[9] $name\0";
        }
        say_($said);
    },
    read => sub {
        my $name = found(follow => 1);
        lstat $name or failed();
        no_("directory") if -d _;
        no_("special") unless -f _ || -l _;
        sysopen my $file, $name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY or failed();
        my @seen = stat $file;
        no_("special") unless -f _;
        my $text = is_text($file, $seen[7]) ? "text" : "binary";
        sysseek $file, 0, 0;
        say_("ok $text $seen[7]\n");
        my $to = $seen[7] > $MANY ? way(\*STDOUT) : \*STDOUT;
        pieces($file, $seen[7], sub { put($to, $_[0]) });
    },
    write => sub {
        my $name = found(follow => 1, make => 1);
        my @seen = lstat $name;
        no_("directory") if @seen && -d _;
        no_("special") if @seen && !-f _ && !-l _;
        my $new = sprintf ".%s.%08x", substr($name, 0, 200), rand 2**32;
        sysopen my $file, $new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666 or failed();
        $SIG{$_} = sub { unlink $new; exit 1 } for qw(ALRM HUP INT TERM PIPE);
        chmod $seen[2] & 0777, $file if @seen && S_ISREG($seen[2]);
        say_("ok\n");
        my $from = \*STDIN;
        my $need = sub { my $got = take($from, $_[0]); return $got if defined $got; unlink $new; exit 1 };
        while (my $left = unpack "N", $need->(4)) {
            if ($left == 0xFFFFFFFF) { $from = way($from); next }
            while ($left > 0) {
                my $piece = $need->($left < $PIECE ? $left : $PIECE);
                $left -= length $piece;
                put($file, $piece) or do { my $why = $!; unlink $new; $! = $why; failed() };
            }
        }
        close $file;
        rename $new, $name or do { my $why = $!; unlink $new; $! = $why; failed() };
        say_("done\n");
    },
    delete => sub {
        start();
        my (undef, $why) = walk($path, follow => 1);    # to say no to a link that leaves
        no_($why) if ($why || "") eq "leaves";
        my $name = found();
        no_("root") if $name eq ".";
        lstat $name or failed();
        no_("special") unless -d _ || -f _ || -l _;
        remove($name);
        say_("ok\n");
    },
);

$operations{$operation}->();
