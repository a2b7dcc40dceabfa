<?php
// What php-luasandbox takes, in seconds of CPU time for each: lines `name=seconds` for bench/cases/peers.lua.
if (!class_exists('LuaSandbox')) {
    fwrite(STDERR, "php-luasandbox is not installed\n");
    exit(1);
}

function cpu(): float {
    $usage = getrusage();
    return $usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec'] + ($usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec']) / 1e6;
}

function each(string $name, int $turns, callable $work): void {
    $work(10);
    $began = cpu();
    $work($turns);
    printf("%s=%.9g\n", $name, (cpu() - $began) / $turns);
}

each('new', 400, function (int $n): void {
    for ($i = 0; $i < $n; $i++) {
        $box = new LuaSandbox();
        unset($box);
    }
});

each('run', 400, function (int $n): void {
    for ($i = 0; $i < $n; $i++) {
        $box = new LuaSandbox();
        $box->setMemoryLimit(1 << 24);
        $box->setCPULimit(1);
        $box->loadString('return 1')->call();
        unset($box);
    }
});

$box = new LuaSandbox();
$box->setMemoryLimit(1 << 28);
$box->setCPULimit(1000000);
$box->loadString('function double(n) return 2 * n end')->call();
each('call', 2000, function (int $n) use ($box): void {
    for ($i = 0; $i < $n; $i++) $box->callFunction('double', $i);
});

$box->registerLibrary('php', ['double' => fn ($n) => [2 * $n]]);
$loop = $box->loadString('local n, double = ..., php.double for i = 1, n do double(i) end return double(n)');
if ($loop->call(21) != [42]) exit(1);
each('callback', 20000, function (int $n) use ($loop): void { $loop->call($n); });
