/* Counts what holds of a page. */
export class Check {
    constructor() {
        this.passed = 0;
        this.failed = 0;
    }

    that(holds, words) {
        this.passed += holds ? 1 : 0;
        this.failed += holds ? 0 : 1;
        if (!holds) {
            console.log(`FAILED ${words}`);
        }
    }

    same(seen, wanted, words) {
        this.that(JSON.stringify(seen) === JSON.stringify(wanted), `${words}: ${JSON.stringify(seen)}, not ${JSON.stringify(wanted)}`);
    }

    /* A figure as a page shows it, to three digits. */
    near(seen, wanted, words) {
        const good = wanted === null ? seen === null : Math.abs(seen - wanted) <= Math.abs(wanted) * 0.006 + 1e-9;
        this.that(good, `${words}: ${seen}, not ${wanted}`);
    }

    end(name) {
        console.log(`${name}: ${this.passed} passed, ${this.failed} failed`);
        process.exitCode = this.failed > 0 ? 1 : 0;
    }
}

/* "1,234", "12.3 ms", "1.2 s", "300 µs" as a number (of milliseconds) */
export function numberOf(text) {
    const found = /^([\d.,]+)\s*(µs|ms|s)?$/.exec(text.trim());
    if (found === null) {
        return null;
    }
    return Number(found[1].replaceAll(",", "")) * ({"µs": 0.001, s: 1000}[found[2]] ?? 1);
}

/* What every page has to be: drawn, silent, without network, no wider than the screen, in both schemes; a picture of
 * each goes to pictures/NAME-WIDTH-SCHEME.png. */
export async function look(browser, check, url, name, pictures) {
    for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [390, "light"], [390, "dark"]]) {
        const page = await browser.open(url, {width, scheme});
        const words = `${name} at ${width}, ${scheme}`;
        check.same(await page.read("document.documentElement.dataset.ready"), "yes", `${words}: drew itself`);
        check.same(await page.read("document.documentElement.scrollWidth"), width, `${words}: is as wide as the screen`);
        check.same(await page.read("matchMedia('(prefers-color-scheme: dark)').matches"), scheme === "dark", `${words}: scheme`);
        await page.screenshot(`${pictures}/${name}-${width}-${scheme}.png`);
        check.same(page.complaints, [], `${words}: console`);
        check.same(page.requests, [], `${words}: network`);
        await page.close();
    }
}
