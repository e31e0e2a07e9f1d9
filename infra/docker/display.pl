# The picture of an X display, as it changes. Xvfb keeps it in a file (-fbdir), as XWD describes it.
#
#   FILE PER_SECOND    ok WIDTH HEIGHT, then asks which way; then for each picture that differs from the one before the
#                      number of its bands that do, and of each its number and its pixels (blue, green, red, nothing)
#
# Numbers are four bytes, the highest first. It ends with its input. "no missing": there is no display.
my ($name, $rate) = @ARGV;
my $LINES = 16;    # in a band
my $HEAD = 100;

sub picture {
    open my $file, "<:raw", $name or return;
    sysread($file, my $head, $HEAD) == $HEAD or return;
    my @head = unpack "N25", $head;
    my ($size, $width, $height, $bits, $line, $colours) = @head[0, 4, 5, 11, 12, 19];
    return unless $bits == 32 && $line == $width * 4;
    sysseek $file, $size + $colours * 12, 0;
    my $pixels = "";
    my $left = $line * $height;
    while ($left > 0) {
        my $n = sysread $file, $pixels, $left, length $pixels or return;
        $left -= $n;
    }
    return ($width, $height, $pixels);
}

my ($width, $height, $pixels) = picture() or no_("missing");
say_("ok $width $height\n");
my $to = way(\*STDOUT);
my $band = $width * 4 * $LINES;
my $before = "";
while (1) {
    my @now = picture();
    last if @now && ($now[0] != $width || $now[1] != $height);
    if (@now && $now[2] ne $before) {
        my @changed = grep { substr($now[2], $_ * $band, $band) ne substr($before, $_ * $band, $band) }
            0 .. int((length($now[2]) - 1) / $band);
        put($to, pack("N", scalar @changed) . join "", map { pack("N", $_) . substr $now[2], $_ * $band, $band } @changed)
            or last;
        $before = $now[2];
    }
    my $ready = "";
    vec($ready, fileno(STDIN), 1) = 1;
    last if select $ready, undef, undef, 1 / $rate and !sysread STDIN, my $said, 100;
}
