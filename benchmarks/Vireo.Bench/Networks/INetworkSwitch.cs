namespace Vireo.Bench.Networks;

/// <summary>A switch between two network namespaces.</summary>
internal interface INetworkSwitch
{
    /// <summary>For the table and for <c>--only</c>.</summary>
    string Name { get; }

    /// <summary>It is a process of its own, which has a processor for itself; otherwise the kernel does it where frames come from.</summary>
    bool IsProcess { get; }

    /// <summary>Starts it and joins the computers to it.</summary>
    /// <param name="hosts">The computers.</param>
    /// <param name="children">What runs beside the benchmark.</param>
    /// <param name="folder">For its files.</param>
    /// <returns>Its process, if it is one.</returns>
    Task<System.Diagnostics.Process?> StartAsync(TwoHosts hosts, Children children, string folder);
}
