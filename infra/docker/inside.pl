# How programs that run inside a container talk with us. It stands before each of them.
#
# To ask which way is to say "port PORT", and to read a word of 32 characters: "pipe" and blanks, and all goes on as
# it was; any other, and the bytes go over a connection to that port which begins with this word. The pipes of an
# exec carry less than the engine's own copying does; a connection, several times that.
use strict;
use Socket qw(INADDR_ANY PF_INET SOCK_STREAM sockaddr_in);

my $PATIENCE = 60;    # seconds that nobody may take or give anything

open STDERR, ">", "/dev/null";
binmode STDIN;
binmode STDOUT;

sub no_ { syswrite STDOUT, "no $_[0]\n"; exit 0 }

sub put {
    my ($to, $left) = @_;
    alarm $PATIENCE;
    while (length $left) {
        my $n = syswrite $to, $left or return 0;
        substr($left, 0, $n) = "";
    }
    alarm 0;
    return 1;
}

sub take {
    my ($from, $most) = @_;
    my $got = "";
    alarm $PATIENCE;
    while (length $got < $most) {
        sysread $from, $got, $most - length $got, length $got or return undef;
    }
    alarm 0;
    return $got;
}

sub say_ { put(\*STDOUT, $_[0]) or exit 1 }

sub way {
    my ($pipe) = @_;
    socket my $listening, PF_INET, SOCK_STREAM, 0;
    bind $listening, sockaddr_in(0, INADDR_ANY);
    listen $listening, 5;
    my ($port) = sockaddr_in(getsockname $listening);    # none of this fails where there is any network at all
    say_("port $port\n");
    my $word = take(\*STDIN, 32);
    return $pipe if !defined $word || $word =~ /^pipe/;
    while (1) {
        alarm $PATIENCE;
        accept my $connected, $listening or return $pipe;
        return $connected if (take($connected, 32) || "") eq $word;
    }
}

